package e2e

import (
	"bufio"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFaults breaks the parts of a running server, on the real model.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a model")
	}
	if !hasProc() {
		t.Skip("finds the engine's process in /proc")
	}
	s := startServer(t)
	t.Run("ready", s.waitForModels)
	t.Run("engine killed in mid-answer", s.killEngine)
	t.Run("server killed", s.killServer)
}

// killEngine kills every engine while one of them streams: the client gets an error event, and the next request works.
func (s *server) killEngine(t *testing.T) {
	// Without its two end tokens the model cannot end by itself.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/chat/completions",
		strings.NewReader(`{"model":"qwen2.5-coder-0.5b-instruct","stream":true,"max_tokens":4000,"logit_bias":{"151643":-100,"151645":-100},"messages":[{"role":"user","content":"Count."}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	var last string
	for n := 0; lines.Scan(); {
		if lines.Text() == "" {
			continue
		}
		last = lines.Text()
		if n++; n == 5 {
			for pid := range descendants(t, s.cmd.Process.Pid) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream broke: %v", err)
	}
	if !strings.HasPrefix(last, `data: {"error":{"message":`) {
		t.Errorf("the stream ended with %s, want an error event", last)
	}
	status, body := s.do(t, http.MethodPost, "/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"max_tokens":3}`)
	if status != http.StatusOK {
		t.Errorf("the next request: %d %s", status, body)
	}
}

// killServer kills the server itself, which gets no chance to clean up: its engines have to end all the same.
func (s *server) killServer(t *testing.T) {
	children := descendants(t, s.cmd.Process.Pid)
	if len(children) == 0 {
		t.Fatal("the server has no engine running, so there is nothing to show")
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // says that it was killed
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(5 * time.Second)
	for pid, name := range children {
		for ; syscall.Kill(pid, 0) == nil; <-tick.C {
			if time.Now().After(deadline) {
				t.Errorf("process %d (%s) outlived the server", pid, name)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}
