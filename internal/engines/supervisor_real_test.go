package engines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// post sends a request to the real engine and gives its answer.
func post(t *testing.T, l *Lease, key, path, body string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no limit in time: the machine may be busy
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

func TestRealEngineAnswers(t *testing.T) {
	const chat, embedding = "qwen2.5-coder-0.5b-instruct", "all-minilm-l6-v2"
	lib := realLibrary(t) // what it lacks, Acquire brings
	// One thread: engine threads spin while they wait for each other, which is ruinous beside other tests.
	s := NewSupervisor(lib, SupervisorOptions{LogDir: t.TempDir(), Threads: 1})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()

	lease := acquire(t, s, chat)
	status, answer := post(t, lease, lease.Key, "/v1/chat/completions",
		`{"messages":[{"role":"user","content":"Write the number 7 and nothing else."}],"temperature":0,"max_tokens":8}`)
	var completion struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(answer, &completion); err != nil || status != 200 || len(completion.Choices) != 1 || !strings.Contains(completion.Choices[0].Message.Content, "7") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := post(t, lease, "wrong", "/v1/chat/completions", `{}`); status != 401 {
		t.Errorf("a wrong key: %d %s", status, answer)
	}
	checkSlots(t, lease)
	if log := s.Log(chat); strings.Contains(log, lease.Key) || !strings.Contains(log, "model loaded") {
		t.Errorf("log %s", log)
	}
	for _, status := range s.Status() {
		if status.Memory > lease.Model.Memory {
			t.Errorf("%s takes %d bytes, the catalogue says %d", status.Model, status.Memory, lease.Model.Memory)
		}
	}
	lease.Release()

	lease = acquire(t, s, embedding)
	defer lease.Release()
	status, answer = post(t, lease, lease.Key, "/v1/embeddings", `{"input":["A man is eating food.","Hello"]}`)
	var embeddings struct {
		Data []struct{ Embedding []float64 }
	}
	if err := json.Unmarshal(answer, &embeddings); err != nil || status != 200 || len(embeddings.Data) != 2 || len(embeddings.Data[0].Embedding) != lease.Model.Dimensions {
		t.Errorf("%d %.200s", status, answer)
	}
	// The longest input that the model takes must fit in one batch.
	if status, answer = post(t, lease, lease.Key, "/v1/embeddings", `{"input":"`+strings.Repeat("food ", 500)+`"}`); status != 200 {
		t.Errorf("an input of 502 tokens: %d %.200s", status, answer)
	}

	var pids []int
	for _, status := range s.Status() {
		pids = append(pids, status.PID)
	}
	s.Stop()
	for _, pid := range pids {
		if pid == 0 || alive(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
}

// checkSlots sees that every slot has the whole context that the catalogue promises.
func checkSlots(t *testing.T, l *Lease) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.URL+"/slots", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+l.Key)
	response, err := healthClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var slots []struct {
		Context int `json:"n_ctx"`
	}
	if err := json.NewDecoder(response.Body).Decode(&slots); err != nil || len(slots) != l.Model.Slots || slots[0].Context != l.Model.Context {
		t.Errorf("slots %+v %v, want %d of %d tokens", slots, err, l.Model.Slots, l.Model.Context)
	}
}

// TestRealWorkerEndsWithItsInput does without the parent-death signal, as on other systems.
func TestRealWorkerEndsWithItsInput(t *testing.T) {
	const model = "all-minilm-l6-v2"
	lib := realLibrary(t)
	if err := lib.InstallEngine(t.Context(), LlamaCPP, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := lib.Pull(t.Context(), model, nil); err != nil {
		t.Fatal(err)
	}
	command, _ := lib.Engine(LlamaCPP)
	if command.Kind != EngineXllamaCPP {
		t.Skip("the engine is a llama-server, which the guard watches over")
	}
	path, _ := lib.Path(model)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	m, _ := lib.Model(model)
	args, _, input, err := launch{command: command, model: m, path: path, threads: 1}.arguments(port, "k")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{url: fmt.Sprintf("http://127.0.0.1:%d", port), done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if _, err := stdin.Write(input); err != nil {
		t.Fatal(err)
	}
	if err := p.ready(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("it ended with %v", p.err)
		}
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		t.Error("it lives on")
	}
}
