package fakeengine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everpoint/everpoint/internal/fakeengine"
)

func start(t *testing.T, s fakeengine.Script) string {
	t.Helper()
	server := httptest.NewServer(fakeengine.New(s))
	t.Cleanup(server.Close)
	return server.URL
}

type result struct {
	status int
	body   string
	err    error // of reading the body
}

func post(t *testing.T, url, body string) result {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return result{status: resp.StatusCode, body: string(data), err: err}
}

const ask = `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello there"}]`

// whole is what a chat answers when it is not streamed.
type whole struct {
	Choices []struct {
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content string `json:"content"`
		} `json:"message"`
		Text string `json:"text"`
	} `json:"choices"`
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
	} `json:"usage"`
}

func TestAnswers(t *testing.T) {
	script := fakeengine.Script{Context: 40, Rules: []fakeengine.Rule{
		{Contains: "weather", Reply: "It is sunny today.\n"},
		{Contains: "long", Reply: "word after word", Tokens: 100},
		{Model: "other", Reply: "I am “another” model."},
		{Contains: "broken", Status: 418, Body: `{"teapot":true}`},
	}}
	url := start(t, script)
	message := func(text, more string) string {
		return `{"messages":[{"role":"user","content":"` + text + `"}]` + more + `}`
	}
	for _, c := range []struct {
		name, path, body   string
		text, finish       string
		prompt, completion int
	}{
		{"default", "chat/completions", message("Hi", ""), fakeengine.DefaultReply, "stop", 3, 9},
		{"rule by text", "chat/completions", message("How is the weather?", ""), "It is sunny today.\n", "stop", 6, 5},
		{"rule by model", "chat/completions", message("Hi", `,"model":"other"`), "I am “another” model.", "stop", 3, 4},
		{"parts", "chat/completions", `{"messages":[{"role":"user","content":[{"type":"text","text":"the weather"}]}]}`, "It is sunny today.\n", "stop", 4, 5},
		{"max_tokens", "chat/completions", message("Hi", `,"max_tokens":2`), "The quick", "length", 3, 2},
		{"max_tokens 0", "chat/completions", message("Hi", `,"max_tokens":0`), "The", "length", 3, 1},
		{"max_tokens enough", "chat/completions", message("Hi", `,"max_tokens":9`), fakeengine.DefaultReply, "stop", 3, 9},
		{"end of context", "chat/completions", message("long", ""), strings.TrimSpace(strings.Repeat("word after word ", 13))[:len("word after word ")*12] + "word", "length", 3, 37},
		{"stop", "chat/completions", message("Hi", `,"stop":["lazy","fox"]`), "The quick brown ", "stop", 3, 4},
		{"stop inside a word", "chat/completions", message("Hi", `,"stop":"row"`), "The quick b", "stop", 3, 3},
		{"stop that never comes", "chat/completions", message("Hi", `,"stop":["cat"]`), fakeengine.DefaultReply, "stop", 3, 9},
		{"completion", "completions", `{"prompt":"Say how the weather is"}`, "It is sunny today.\n", "stop", 5, 5},
		{"completion of tokens", "completions", `{"prompt":[1,2,3]}`, fakeengine.DefaultReply, "stop", 3, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := post(t, url+"/v1/"+c.path, c.body)
			var a whole
			if err := json.Unmarshal([]byte(got.body), &a); err != nil || len(a.Choices) != 1 {
				t.Fatalf("%v: %s", err, got.body)
			}
			text := a.Choices[0].Message.Content + a.Choices[0].Text
			if text != c.text || a.Choices[0].FinishReason != c.finish || a.Usage.Prompt != c.prompt || a.Usage.Completion != c.completion {
				t.Errorf("got %q, %s, %d + %d tokens; want %q, %s, %d + %d", text, a.Choices[0].FinishReason, a.Usage.Prompt, a.Usage.Completion, c.text, c.finish, c.prompt, c.completion)
			}
			streamed := post(t, url+"/v1/"+c.path, strings.TrimSuffix(c.body, "}")+`,"stream":true}`)
			if joined := joinStream(t, streamed.body); joined != c.text {
				t.Errorf("the stream says %q, want %q", joined, c.text)
			}
		})
	}
	if got := post(t, url+"/v1/completions", `{"prompt":"broken"}`); got.status != 418 || got.body != `{"teapot":true}` {
		t.Errorf("scripted refusal: %+v", got)
	}
}

// joinStream puts the pieces of a stream together, and fails if it does not end as it should.
func joinStream(t *testing.T, body string) string {
	t.Helper()
	if !strings.HasSuffix(body, "data: [DONE]\n\n") {
		t.Fatalf("the stream has no end: %q", body)
	}
	var text strings.Builder
	for event := range strings.SplitSeq(strings.TrimSuffix(body, "data: [DONE]\n\n"), "\n\n") {
		var chunk struct {
			Choices []struct {
				Delta struct {
					Content string `json:"content"`
				} `json:"delta"`
				Text string `json:"text"`
			} `json:"choices"`
		}
		if event == "" {
			continue
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &chunk); err != nil {
			t.Fatal(err)
		}
		for _, c := range chunk.Choices {
			text.WriteString(c.Delta.Content + c.Text)
		}
	}
	return text.String()
}

func TestFailures(t *testing.T) {
	rule := func(then string, after int) string {
		return start(t, fakeengine.Script{Rules: []fakeengine.Rule{{Then: then, After: after}}})
	}
	for _, c := range []struct {
		name, then string
		stream     bool
		status     int
		broken     bool   // reading the body fails
		has, lacks string // in the body
	}{
		{"cut stream", fakeengine.Cut, true, 200, true, "quick", "brown"},
		{"cut answer", fakeengine.Cut, false, 200, true, "choices", "timings"},
		{"garbage in stream", fakeengine.Garbage, true, 200, false, "{\"fin\x00\n\n", "nothing"},
		{"garbage", fakeengine.Garbage, false, 200, false, "{\"fin\x00", "usage"},
		{"error in stream", fakeengine.Error, true, 200, false, `data: {"error":{"code":500,`, "[DONE]"},
		{"error", fakeengine.Error, false, 500, false, `{"error":{"code":500,`, "choices"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := ask + "}"
			if c.stream {
				body = ask + `,"stream":true}`
			}
			got := post(t, rule(c.then, 2)+"/v1/chat/completions", body)
			if got.status != c.status || (got.err != nil) != c.broken || !strings.Contains(got.body, c.has) || strings.Contains(got.body, c.lacks) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestBusy shows that a request whose client goes away frees its slot, in a stall, between tokens and before the first.
func TestBusy(t *testing.T) {
	for name, rule := range map[string]fakeengine.Rule{
		"stall":              {Then: fakeengine.Stall, After: 1},
		"between two tokens": {BetweenTokens: time.Hour},
		"before the first":   {FirstToken: time.Hour},
		"waiting for a step": {Step: make(chan struct{})},
	} {
		t.Run(name, func(t *testing.T) {
			began := make(chan struct{})
			engine := fakeengine.New(fakeengine.Script{Rules: []fakeengine.Rule{rule}, OnRequest: func(string, []byte) { close(began) }})
			done := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(done)
				engine.ServeHTTP(w, r)
			}))
			defer server.Close()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-began
				if engine.Busy() != 1 {
					t.Errorf("%d slots busy while one request runs", engine.Busy())
				}
				cancel()
			}()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(ask+`,"stream":true}`))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := server.Client().Do(r)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the client saw %v", err)
			}
			<-done
			if engine.Busy() != 0 {
				t.Errorf("%d slots busy after the client went away", engine.Busy())
			}
		})
	}
}

func TestSlots(t *testing.T) {
	step := make(chan struct{})
	engine := fakeengine.New(fakeengine.Script{Slots: 2, Rules: []fakeengine.Rule{{Step: step, Tokens: 1}}})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(ask+"}")))
	}()
	step <- struct{}{} // the request is under way
	if got := slots(t, engine); got != "true false" {
		t.Errorf("slots in the middle of an answer: %s", got)
	}
	close(step)
	<-finished
	if got := slots(t, engine); got != "false false" {
		t.Errorf("slots after the answer: %s", got)
	}
}

func slots(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/slots", nil))
	var list []struct {
		Busy bool `json:"is_processing"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		return err.Error()
	}
	var words []string
	for _, s := range list {
		words = append(words, map[bool]string{true: "true", false: "false"}[s.Busy])
	}
	return strings.Join(words, " ")
}

// TestDelays measures on a clock that stands still while nobody waits.
func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := fakeengine.New(fakeengine.Script{Rules: []fakeengine.Rule{{Tokens: 4, FirstToken: time.Second, BetweenTokens: 10 * time.Millisecond}}})
		began := time.Now()
		for _, stream := range []string{"true", "false"} {
			engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(ask+`,"stream":`+stream+"}")))
		}
		if took := time.Since(began); took != 2*(time.Second+30*time.Millisecond) {
			t.Errorf("two answers took %v", took)
		}
	})
}

// TestStepping receives each token before the next one is made.
func TestStepping(t *testing.T) {
	step := make(chan struct{})
	url := start(t, fakeengine.Script{Rules: []fakeengine.Rule{{Reply: "a b c", Step: step}}})
	go func() { step <- struct{}{} }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/completions", strings.NewReader(`{"prompt":"x","stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	go func() { step <- struct{}{} }() // the token leaves when the next one is waited for
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for _, want := range []string{`"text":"a"`, `"text":" b"`} {
		line, err := lines.ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Fatalf("%q, %v; want %s", line, err, want)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	close(step)
	if rest, err := io.ReadAll(lines); err != nil || !strings.Contains(string(rest), "[DONE]") {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestKeyAndHealth(t *testing.T) {
	url := start(t, fakeengine.Script{Key: "secret"})
	get := func(url, path, key string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := (&http.Client{}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	loading := start(t, fakeengine.Script{NeverReady: true})
	for _, c := range []struct {
		url, path, key string
		want           int
	}{
		{url, "/health", "", 200}, {url, "/props", "", 401}, {url, "/props", "wrong", 401}, {url, "/props", "secret", 200},
		{url, "/v1/models", "secret", 200}, {url, "/nothing", "secret", 404}, {loading, "/health", "", 503}, {loading, "/props", "", 503},
	} {
		if got := get(c.url, c.path, c.key); got != c.want {
			t.Errorf("GET %s with key %q: %d, want %d", c.path, c.key, got, c.want)
		}
	}
}

func TestTokensThereAndBack(t *testing.T) {
	url := start(t, fakeengine.Script{})
	const text = `  Grüße,\n\tWorld 世界 \"quoted\" `
	got := post(t, url+"/tokenize", `{"content":"`+text+`"}`)
	back := post(t, url+"/detokenize", got.body)
	if want := `{"content":"` + text + `"}`; back.body != want {
		t.Errorf("%s became %s by way of %s", want, back.body, got.body)
	}
	if strings.Count(got.body, ",") != 4 {
		t.Errorf("not five tokens: %s", got.body)
	}
}

func TestVectors(t *testing.T) {
	cosine := func(a, b string) float64 {
		v, w := fakeengine.Vector(a, 384), fakeengine.Vector(b, 384)
		var dot float64
		for i := range v {
			dot += float64(v[i]) * float64(w[i])
		}
		return dot
	}
	if c := cosine("A man eats food", "a man eats food"); math.Abs(c-1) > 1e-5 {
		t.Errorf("the same text: cosine %f", c)
	}
	near, far := cosine("A man eats food", "A man eats bread"), cosine("A man eats food", "The girl carries water")
	if near < 0.5 || math.Abs(far) > 0.2 {
		t.Errorf("texts that share words: cosine %f; texts that do not: %f", near, far)
	}
}

func TestParseScript(t *testing.T) {
	s, err := fakeengine.ParseScript([]byte(`{"slots":3,"rules":[{"contains":"x","reply":"y","first_token":"20ms","between_tokens":"1s","then":"cut","after":2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if r := s.Rules[0]; s.Slots != 3 || r.FirstToken != 20*time.Millisecond || r.BetweenTokens != time.Second || r.Then != fakeengine.Cut || r.After != 2 || r.Reply != "y" || r.Contains != "x" {
		t.Errorf("%+v", s)
	}
	for _, wrong := range []string{`{"rule":[]}`, `{"rules":[{"replies":"x"}]}`, `{"rules":[{"then":"explode"}]}`, `{"rules":[{"first_token":"soon"}]}`, `[`} {
		if _, err := fakeengine.ParseScript([]byte(wrong)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func BenchmarkChat(b *testing.B) {
	engine := fakeengine.New(fakeengine.Script{})
	for _, stream := range []string{"true", "false"} {
		b.Run("stream="+stream, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(ask+`,"stream":`+stream+"}")))
			}
		})
	}
}
