package engines

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newReal starts a supervisor whose engines are processes: this test binary as a llama-server.
func newReal(t *testing.T, weights string, o SupervisorOptions) (*Supervisor, *fakeLibrary) {
	t.Helper()
	lib := newLibrary(t, weights)
	s := newSupervisor(lib, o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s, lib
}

// alive tells whether there is a process with this id. A zombie counts as gone: it is its parent's to reap, which may be a
// process that this test does not control.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if os.IsNotExist(err) {
		if _, procErr := os.Stat("/proc/self/stat"); procErr == nil {
			return false
		}
		return syscall.Kill(pid, 0) == nil // no /proc on this system
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}

// gone waits until the process has ended, which the kernel may need a moment for.
func gone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-deadline.C:
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d is still there", pid)
		case <-tick.C:
		}
	}
}

// call does one request to the engine of a lease.
func call(t *testing.T, l *Lease, method, path string) (*http.Response, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, l.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+l.Key)
	return healthClient.Do(request)
}

func TestEngineProcess(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-not-for-engines")
	t.Setenv("LLAMA_ARG_CTX_SIZE", "1")
	t.Setenv("OMP_NUM_THREADS", "7")
	dir := t.TempDir()
	s, lib := newReal(t, "", SupervisorOptions{Threads: 3, LogDir: filepath.Join(dir, "logs")})
	model := lib.models["a"]
	model.Slots = 4
	lib.models["a"] = model
	lease := acquire(t, s, "a")
	defer lease.Release()
	response, err := call(t, lease, http.MethodGet, "/self")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var self struct {
		Args       []string
		Env        []string
		Group, PID int
	}
	if err := json.NewDecoder(response.Body).Decode(&self); err != nil {
		t.Fatal(err)
	}
	line := strings.Join(self.Args, " ")
	for _, want := range []string{"-m " + lib.path, "--host 127.0.0.1", "-c 400", "-np 4", "-t 3", "--jinja"} {
		if !strings.Contains(line, want) {
			t.Errorf("command line %q lacks %q", line, want)
		}
	}
	if len(lease.Key) != 64 || strings.Contains(line, lease.Key) {
		t.Errorf("key %q, command line %q", lease.Key, line)
	}
	for _, want := range []string{"LLAMA_API_KEY=" + lease.Key, "LLAMA_ARG_CACHE_RAM=0", "OMP_NUM_THREADS=7"} {
		if !slices.Contains(self.Env, want) {
			t.Errorf("environment lacks %s", want)
		}
	}
	for _, variable := range self.Env {
		if strings.HasPrefix(variable, "OPENAI_") || strings.HasPrefix(variable, "LLAMA_ARG_CTX_SIZE") {
			t.Errorf("an engine is told %s", variable)
		}
	}
	status := s.Status()[0]
	if self.PID != status.PID || self.Group != status.PID {
		t.Errorf("process %d of group %d, want %d as its own group", self.PID, self.Group, status.PID)
	}
	if status.Memory < 1<<20 || !strings.HasSuffix(lease.URL, ":"+strconv.Itoa(status.Port)) {
		t.Errorf("status %+v", status)
	}
	if log := s.Log("a"); !strings.Contains(log, "fake engine is here") || strings.Contains(log, lease.Key) {
		t.Errorf("log %q", log)
	}
	if info, err := os.Stat(filepath.Join(dir, "logs", "a.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log file: %v %v", info, err)
	}
}

func TestEmbeddingArguments(t *testing.T) {
	l := launch{command: EngineCommand{Kind: EngineLlamaServer, Path: "x"}, model: Model{Kind: KindEmbedding, Context: 512, Slots: 2}}
	args, _, _, err := l.arguments(1, "k")
	if err != nil || !strings.HasSuffix(strings.Join(args, " "), "--embeddings -b 4096 -ub 4096") {
		t.Errorf("%v %v", args, err)
	}
	l.command.Kind = EngineXllamaCPP
	args, env, input, err := l.arguments(1, "secret")
	if err != nil || strings.Contains(strings.Join(append(args, env...), " "), "secret") {
		t.Errorf("the key is on the command line: %v %v", args, err)
	}
	var settings map[string]any
	if err := json.Unmarshal(input, &settings); err != nil || settings["key"] != "secret" || settings["context"] != 1024.0 || settings["embeddings"] != true {
		t.Errorf("settings %s %v", input, err)
	}
	l.command.Kind = "new"
	if _, _, _, err := l.arguments(1, "k"); err == nil {
		t.Error("an unknown kind of engine is started")
	}
}

func TestBrokenWeights(t *testing.T) {
	s, _ := newReal(t, "exit", SupervisorOptions{})
	_, err := s.Acquire(t.Context(), "a")
	wantRefusal(t, err, "`a`", "`everpoint models pull a`")
	if log := s.Log("a"); !strings.Contains(log, "not within the file bounds") || !strings.Contains(log, "exit status 1") {
		t.Errorf("log %q", log)
	}
	if status := s.Status()[0]; status.State != StateBackoff || status.Problem == "" || status.PID != 0 {
		t.Errorf("status %+v", status)
	}
}

func TestEngineThatCannotBeStarted(t *testing.T) {
	s, _ := newReal(t, "", SupervisorOptions{})
	s.start = func(l launch) (*process, error) {
		l.command.Path = "/nowhere/llama-server"
		return l.start()
	}
	_, err := s.Acquire(t.Context(), "a")
	if e := want503(t, err, "`everpoint engines doctor`"); strings.Contains(e.Message, "nowhere") {
		t.Errorf("the client is told a path: %q", e.Message)
	}
}

func TestNeverReadyIsKilled(t *testing.T) {
	s, _ := newReal(t, "hang stubborn", SupervisorOptions{StartTimeout: 400 * time.Millisecond})
	var pid int
	start := s.start
	s.start = func(l launch) (*process, error) {
		p, err := start(l)
		pid = p.pid
		return p, err
	}
	_, err := s.Acquire(t.Context(), "a")
	wantRefusal(t, err, "400ms")
	if pid == 0 || alive(pid) {
		t.Errorf("process %d lives on", pid)
	}
}

func TestCrashAndRestart(t *testing.T) {
	s, _ := newReal(t, "", SupervisorOptions{})
	lease := acquire(t, s, "a")
	first := s.Status()[0].PID
	_, err := call(t, lease, http.MethodPost, "/crash")
	if err == nil {
		t.Fatal("the engine answered while it crashed")
	}
	if e := lease.Fault(err); e.Status != 502 || !strings.Contains(e.Message, "stopped while") || !errors.Is(e, err) {
		t.Errorf("fault %v", e)
	}
	lease.Release()
	lease = acquire(t, s, "a")
	defer lease.Release()
	if response, err := call(t, lease, http.MethodGet, "/self"); err != nil {
		t.Error(err)
	} else {
		_ = response.Body.Close()
	}
	if status := s.Status()[0]; status.PID == first || status.Restarts != 1 {
		t.Errorf("status %+v", status)
	}
	if log := s.Log("a"); !strings.Contains(log, "exit status 3") {
		t.Errorf("log %q", log)
	}
}

// TestPortTaken has another program listen on the engine's port first, twice.
func TestPortTaken(t *testing.T) {
	s, _ := newReal(t, "", SupervisorOptions{})
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	starts := 0
	start := s.start
	s.start = func(l launch) (*process, error) {
		starts++
		if starts <= 2 {
			done := make(chan struct{})
			close(done)
			return &process{port: other.Addr().(*net.TCPAddr).Port, done: done, signal: func(syscall.Signal) {}}, nil
		}
		return start(l)
	}
	s.ready = func(ctx context.Context, p *process) error {
		select {
		case <-p.done:
			return errExited
		default:
			return p.ready(ctx)
		}
	}
	acquire(t, s, "a").Release()
	if status := s.Status()[0]; starts != 3 || status.Restarts != 0 {
		t.Errorf("%d starts, status %+v", starts, status)
	}
}

func TestStopLeavesNoChild(t *testing.T) {
	s, _ := newReal(t, "", SupervisorOptions{})
	var pids []int
	for _, id := range []string{"a", "b", "c"} {
		acquire(t, s, id) // never released
	}
	for _, status := range s.Status() {
		pids = append(pids, status.PID)
		if !alive(status.PID) {
			t.Fatalf("no process for %s", status.Model)
		}
	}
	s.Stop()
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
}

func TestStopKillsWhatDoesNotObey(t *testing.T) {
	lib := newLibrary(t, "stubborn")
	command, _ := lib.Engine("")
	p, err := launch{command: command, model: lib.models["a"], path: lib.path, threads: 1, log: newEngineLog("", "a")}.start()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.stop(50 * time.Millisecond)
	if alive(p.pid) {
		t.Error("it lives on")
	}
	if p.err == nil || !strings.Contains(p.err.Error(), "killed") {
		t.Errorf("it ended with %v, not by force", p.err)
	}
	p.signal(syscall.SIGKILL) // harmless
}

// TestParentKilled kills a server with SIGKILL, which cannot be handled, and sees its engine go.
func TestParentKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self, "parent", newLibrary(t, "stubborn").path)
	engine := startAndReadPID(t, parent)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	gone(t, engine)
}

// TestGuard does without the parent-death signal, as on other systems: the guard sees its input end.
func TestGuard(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	guard := exec.Command(self, GuardCommand, "--", "/bin/sh", "-c", "trap '' TERM; echo $$; while :; do sleep 1; done")
	stdin, err := guard.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	child := startAndReadPID(t, guard)
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := guard.Wait(); guard.ProcessState.ExitCode() != 128+9 {
		t.Errorf("the guard ended with %v", err)
	}
	gone(t, child)

	guard = exec.Command(self, GuardCommand, "/bin/sh", "-c", "exit 7")
	if stdin, err = guard.StdinPipe(); err != nil { // held open: an input that ends at once means that we are gone
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := guard.Run(); guard.ProcessState.ExitCode() != 7 {
		t.Errorf("the guard does not pass on the exit code: %v", err)
	}
	if code := Guard([]string{"/nowhere/llama-server"}); code != 127 {
		t.Errorf("exit code %d for a command that is not there", code)
	}
	if code := Guard([]string{"--"}); code != 2 {
		t.Errorf("exit code %d for no command", code)
	}
}

// startAndReadPID starts a program that prints the process id of a child of its own first.
func startAndReadPID(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(io.LimitReader(stdout, 1000)).ReadString('\n')
	if err != nil {
		t.Fatalf("%q %v", line, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !alive(pid) {
		t.Fatalf("no process: %q %v", line, err)
	}
	return pid
}
