// Package e2e shows that programs written for the vendor's API work unchanged: it builds the server, starts it with the
// small local model, and runs programs on the official SDKs against it. The Python programs lie in python, those for Node
// in node and node4, those in Go in the files of this package; setup.sh makes their environments.
//
// The programs assert for themselves. They print a JSON line for each check, which becomes a subtest here.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programTimeout is several times what the slowest program takes on two shared cores.
const programTimeout = 6 * time.Minute

// program is one run of a file on one SDK.
type program struct {
	sdk  string // a name that setup.sh prints
	file string // below the folder of the language
}

// The programs, newest SDK first. Those in python/current run on both of the SDKs that have all of what they use.
var programs = []program{
	{"openai-3", "current/chat.py"},
	{"openai-3", "current/streams.py"},
	{"openai-3", "current/structured.py"},
	{"openai-3", "current/completions.py"},
	{"openai-3", "current/embeddings.py"},
	{"openai-3", "current/errors.py"},
	{"openai-3", "current/patterns.py"},
	{"openai-1", "current/chat.py"},
	{"openai-1", "current/streams.py"},
	{"openai-1", "current/structured.py"},
	{"openai-1", "current/completions.py"},
	{"openai-1", "current/embeddings.py"},
	{"openai-1", "current/errors.py"},
	{"openai-1.3", "early/program.py"},
	{"openai-0", "v0/program.py"},
	{"node", "chat.mjs"},
	{"node", "others.mjs"},
	{"node4", "program.mjs"},
}

func TestSDKs(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a model, the SDKs and minutes")
	}
	environments := setUp(t)
	s := startServer(t)
	t.Run("ready", s.waitForModels)
	for _, p := range programs {
		t.Run(p.sdk+"/"+strings.TrimSuffix(filepath.Base(p.file), filepath.Ext(p.file)), func(t *testing.T) {
			runProgram(t, p.command(t, environments), s)
		})
	}
	t.Run("go", func(t *testing.T) { goProgram(t, s) })
	t.Run("end", s.stopCleanly)
}

// setUp makes the environments of the SDKs and gives their folders by name.
func setUp(t *testing.T) map[string]string {
	t.Helper()
	var problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "./setup.sh")
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("setup.sh: %v\n%s", err, &problems)
	}
	folders := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
		folders[name] = folder
	}
	return folders
}

// command is the program's command line, to be run in the folder where its SDK is found.
func (p program) command(t *testing.T, environments map[string]string) *exec.Cmd {
	t.Helper()
	folder, ok := environments[p.sdk]
	if !ok {
		t.Fatalf("setup.sh made no environment %q, only %v", p.sdk, environments)
	}
	if strings.HasSuffix(p.file, ".py") {
		cmd := exec.Command(filepath.Join(folder, "bin", "python"), p.file)
		cmd.Dir = "python"
		return cmd
	}
	// Node looks for modules beside the program, so the program goes to where they are.
	place := t.TempDir()
	for _, file := range []string{filepath.Join("node", "check.mjs"), filepath.Join(p.sdk, p.file)} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(place, filepath.Base(file)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(folder, "node_modules"), filepath.Join(place, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", p.file)
	cmd.Dir = place
	return cmd
}

// runProgram runs a program against the server and makes a subtest of each line that it prints.
func runProgram(t *testing.T, cmd *exec.Cmd, s *server) {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.Env = environment([]string{"OPENAI_", "EVERPOINT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHON"},
		"OPENAI_BASE_URL="+s.url+"/v1", "OPENAI_API_BASE="+s.url+"/v1", "OPENAI_API_KEY="+s.key,
		"PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1", "NODE_NO_WARNINGS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	remember(cmd.Process)
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()

	checks, failed := reportChecks(t, out)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		t.Errorf("the program did not end within %s", programTimeout)
	case err != nil && !failed:
		t.Errorf("the program ended with %v, and no check of its own failed:\n%s", err, &complaints)
	case checks == 0:
		t.Errorf("the program checked nothing:\n%s", &complaints)
	}
}

// reportChecks turns the lines of a program into subtests as they come.
func reportChecks(t *testing.T, out io.Reader) (checks int, failed bool) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Check   string  `json:"check"`
			Seconds float64 `json:"seconds"`
			Error   string  `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Check == "" {
			t.Errorf("not the line of a check: %s", lines.Bytes())
			failed = true
			continue
		}
		checks++
		t.Run(line.Check, func(t *testing.T) {
			t.Logf("%.2f s", line.Seconds)
			if line.Error != "" {
				failed = true
				t.Error(line.Error)
			}
		})
	}
	if err := lines.Err(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	return checks, failed
}

// environment is this process's environment without the variables that begin with one of the prefixes, and with the
// additional ones.
func environment(without []string, additional ...string) []string {
	var env []string
next:
	for _, variable := range os.Environ() {
		for _, prefix := range without {
			if strings.HasPrefix(strings.ToUpper(variable), prefix) {
				continue next
			}
		}
		env = append(env, variable)
	}
	return append(env, additional...)
}
