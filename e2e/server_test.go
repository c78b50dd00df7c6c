package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is the time for a process to say its address.
	startTimeout = 30 * time.Second
	// modelsTimeout is the time for the engine and the small models to be fetched, where the cache is empty, and loaded.
	modelsTimeout = 15 * time.Minute
	// stopTimeout is longer than the server's own time for running requests.
	stopTimeout = 45 * time.Second
)

// server is the program under test, running.
type server struct {
	url string // without /v1
	key string
	cmd *exec.Cmd
	log string // path of what it wrote on its standard error
}

// running holds what was started, since an interrupted test process runs no clean-up of its own.
var running struct {
	sync.Mutex
	processes []*os.Process
}

// remember has a process ended when the tests are interrupted. It may have ended by itself before.
func remember(p *os.Process) {
	running.Lock()
	defer running.Unlock()
	running.processes = append(running.processes, p)
}

func TestMain(m *testing.M) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() { // until the process ends
		<-interrupted
		running.Lock() // for good: nothing more is started
		for _, p := range running.processes {
			_ = p.Kill() // fails when it has ended already
		}
		os.Exit(130)
	}()
	os.Exit(m.Run())
}

// startServer builds the program and starts it on a free port, with a folder of its own, the small model, and three
// scripted engines as models: tired answers 429, broken 500, and sour fails in the middle of a stream.
func startServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "everpoint")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/everpoint").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	config := "models:\n  names:\n"
	for _, name := range []string{"tired", "broken", "sour"} {
		cmd := exec.Command(binary, "fake-engine", "--listen", "127.0.0.1:0", "--script", filepath.Join("testdata", name+".json"))
		config += fmt.Sprintf("    %s: {url: %q, kind: chat}\n", name, start(t, cmd, filepath.Join(dir, name+".log"), "http://"))
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{key: "sk-e2e-0123456789abcdef", log: filepath.Join(dir, "server.log")}
	s.cmd = exec.Command(binary, "serve", "--config", file, "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--small")
	s.cmd.Env = environment([]string{"OPENAI_", "AZURE_OPENAI_", "EVERPOINT_BOOTSTRAP_KEY", "EVERPOINT_CONFIG", "EVERPOINT_DATA", "EVERPOINT_LISTEN"},
		"EVERPOINT_BOOTSTRAP_KEY="+s.key, "EVERPOINT_SOURCES=packages")
	greeting := start(t, s.cmd, s.log, "Everpoint serves ")
	s.url = strings.TrimSuffix(strings.TrimPrefix(greeting, "Everpoint serves "), "/v1")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", tail(s.log))
		}
	})
	if status, body := s.get(t, "/readyz"); status != http.StatusOK {
		t.Fatalf("/readyz: %d %s", status, body)
	}
	return s
}

// start starts a command that is killed at the test's end, and gives the first line that it prints beginning with prefix.
func start(t *testing.T, cmd *exec.Cmd, log, prefix string) string {
	t.Helper()
	stderr, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close() // the child has its own
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	remember(cmd.Process)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when it has ended already
		_ = cmd.Wait()
	})
	found := make(chan string, 1)
	go func() { // ends with the process's standard output
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), prefix) {
				found <- lines.Text()
				break
			}
		}
		close(found)
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case line := <-found:
		if line != "" {
			return line
		}
	case <-time.After(startTimeout):
	}
	t.Fatalf("%s did not say %q; it wrote:\n%s", cmd, prefix, tail(log))
	return ""
}

// tail is the end of a file.
func tail(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return data[max(0, len(data)-4000):]
}

// get asks the server with its key.
func (s *server) get(t *testing.T, path string) (int, string) {
	t.Helper()
	return s.do(t, http.MethodGet, path, "")
}

func (s *server) do(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// waitForModels makes the first request for each model, which waits until it is fetched and loaded, so that no program's
// time limit has to cover that.
func (s *server) waitForModels(t *testing.T) {
	for _, r := range []struct{ path, body string }{
		{"/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"max_tokens":1}`},
		{"/v1/embeddings", `{"model":"text-embedding-3-small","input":"Hi"}`},
	} {
		began := time.Now()
		watch := time.AfterFunc(modelsTimeout, func() { _ = s.cmd.Process.Kill() })
		status, body := s.do(t, http.MethodPost, r.path, r.body)
		watch.Stop()
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", r.path, status, body)
		}
		t.Logf("%s answered after %.1f s", r.path, time.Since(began).Seconds())
	}
}

// stopCleanly asks the server to end, which it has to do in time and without leaving an engine behind.
func (s *server) stopCleanly(t *testing.T) {
	children := descendants(t, s.cmd.Process.Pid)
	if len(children) == 0 && hasProc() {
		t.Error("the server has no engine running, so there is nothing to show")
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	watch := time.AfterFunc(stopTimeout, func() { _ = s.cmd.Process.Kill() })
	err := s.cmd.Wait()
	if !watch.Stop() {
		t.Errorf("the server did not end within %s of being interrupted", stopTimeout)
	} else if err != nil {
		t.Errorf("the server ended with %v", err)
	}
	for pid, name := range children {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d (%s) outlived the server", pid, name)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// hasProc tells whether this system lists its processes in /proc, as Linux does.
func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// descendants gives the processes below pid and their names; none where there is no /proc.
func descendants(t *testing.T, pid int) map[int]string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	below := map[int]string{}
	parents := []int{pid}
	for len(parents) > 0 {
		var next []int
		for _, path := range stats {
			data, err := os.ReadFile(path)
			if err != nil {
				continue // it has ended meanwhile
			}
			// pid (name) state ppid …, and the name may hold anything.
			open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
			child, _ := strconv.Atoi(strings.TrimSpace(string(data[:open])))
			parent, _ := strconv.Atoi(strings.Fields(string(data[end+1:]))[1])
			if _, seen := below[child]; !seen && slices.Contains(parents, parent) {
				below[child] = string(data[open+1 : end])
				next = append(next, child)
			}
		}
		parents = next
	}
	return below
}
