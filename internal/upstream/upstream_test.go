package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/engines"
	"github.com/everpoint/everpoint/internal/fakeengine"
	"github.com/everpoint/everpoint/openai"
)

// bench is an Upstream in front of a scripted engine that answers to every default name, and what the engine was asked.
type bench struct {
	*Upstream
	engine *fakeengine.Engine

	mu    sync.Mutex
	asked []string // path and body
}

const benchContext = 200

func newBench(t *testing.T, script fakeengine.Script) *bench {
	t.Helper()
	b := &bench{}
	script.Key, script.Context = "secret", benchContext
	script.OnRequest = func(path string, body []byte) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked = append(b.asked, path+" "+string(body))
	}
	b.engine = fakeengine.New(script)
	server := httptest.NewServer(b.engine)
	t.Cleanup(server.Close)
	b.Upstream = New(Options{
		Names: map[string]Name{
			"chat":  {URL: server.URL, Key: "secret", Kind: KindChat, Context: benchContext},
			"embed": {URL: server.URL, Key: "secret", Kind: KindEmbedding, Context: 12},
			"down":  {URL: "http://127.0.0.1:1", Kind: KindChat},
			"alias": {Target: "chat"},
			"loop":  {Target: "pool"}, "pool": {Target: "loop"},
		},
		Chat: "chat", Embedding: "embed", Logger: slog.New(slog.DiscardHandler),
	})
	return b
}

// paths gives the paths that the engine was asked, in order.
func (b *bench) paths() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	paths := make([]string, len(b.asked))
	for i, a := range b.asked {
		paths[i], _, _ = strings.Cut(a, " ")
	}
	return paths
}

// last gives the last body that the engine was asked at a path.
func (b *bench) last(t *testing.T, path string) map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range slices.Backward(b.asked) {
		if p, body, _ := strings.Cut(a, " "); p == path {
			var v map[string]any
			if err := json.Unmarshal([]byte(body), &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("the engine was never asked %s", path)
	return nil
}

func (b *bench) route(t *testing.T, name, kind string) *Target {
	t.Helper()
	target, err := b.Route(name, kind)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// choiceText is what a choice came to.
type choiceText struct {
	text, finish       string
	prompt, completion int
	logprobs           []openai.TokenLogprob
}

func collect(events iter.Seq2[Event, error], n int) ([]choiceText, error) {
	choices := make([]choiceText, n)
	for e, err := range events {
		if err != nil {
			return choices, err
		}
		c := &choices[e.Choice]
		c.text += e.Text
		c.logprobs = append(c.logprobs, e.Logprobs...)
		if e.FinishReason != "" {
			c.finish, c.prompt, c.completion = e.FinishReason, e.PromptTokens, e.CompletionTokens
		}
	}
	return choices, nil
}

func ptr[T any](v T) *T { return &v }

func hello(n int) ChatRequest {
	return ChatRequest{Messages: []Message{{Role: "user", Text: "hello"}}, N: n}
}

func TestChat(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{Rules: []fakeengine.Rule{{Reply: "one two three"}}})
	r := hello(3)
	r.Sampling = Sampling{
		Temperature: ptr(0.5), TopP: ptr(0.9), PresencePenalty: ptr(0.1), FrequencyPenalty: ptr(0.2), Seed: ptr(int64(7)),
		Stop: []string{"three"}, MaxTokens: 10, Logprobs: true, TopLogprobs: 0,
	}
	r.Grammar = `root ::= "one two three"`
	choices, err := collect(b.Chat(t.Context(), b.route(t, "gpt-4o-mini", KindChat), r), 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range choices {
		if strings.TrimRight(c.text, " ") != "one two" || c.finish != "stop" || c.prompt == 0 || c.completion == 0 {
			t.Errorf("choice %d: %+v", i, c)
		}
		if len(c.logprobs) == 0 || len(c.logprobs[0].TopLogprobs) != 0 || c.logprobs[0].TopLogprobs == nil {
			t.Errorf("choice %d: log probabilities without tops were asked for, got %+v", i, c.logprobs)
		}
	}
	asked := b.last(t, "/v1/chat/completions")
	for key, want := range map[string]any{
		"temperature": 0.5, "top_p": 0.9, "presence_penalty": 0.1, "frequency_penalty": 0.2, "repeat_last_n": 200.0, "cache_prompt": false,
		"max_tokens": 10.0, "stream": true, "logprobs": true, "grammar": r.Grammar,
	} {
		if asked[key] != want {
			t.Errorf("%s: the engine was asked %v, want %v", key, asked[key], want)
		}
	}
	seeds := map[float64]bool{}
	for _, a := range b.asked {
		var v struct{ Seed *float64 }
		_, body, _ := strings.Cut(a, " ")
		if err := json.Unmarshal([]byte(body), &v); err != nil || v.Seed == nil {
			t.Fatalf("no seed in %s", a)
		}
		seeds[*v.Seed] = true
	}
	if !seeds[7] || !seeds[8] || !seeds[9] {
		t.Errorf("seeds %v, want 7, 8 and 9", seeds)
	}
}

// TestDefaults shows that a model's own sampling holds only where a request says nothing of it.
func TestDefaults(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{})
	target := b.route(t, "chat", KindChat)
	target.defaults = &engines.Sampling{Temperature: 0.7, TopP: 0.8}
	for _, tt := range []struct {
		sampling          Sampling
		temperature, topP any
	}{
		{Sampling{}, 0.7, 0.8},
		{Sampling{Temperature: ptr(1.0)}, 1.0, nil},
		{Sampling{TopP: ptr(0.1)}, nil, 0.1},
		{Sampling{Temperature: ptr(0.0)}, 0.0, nil},
	} {
		r := hello(1)
		r.Sampling = tt.sampling
		if _, err := collect(b.Chat(t.Context(), target, r), 1); err != nil {
			t.Fatal(err)
		}
		if asked := b.last(t, "/v1/chat/completions"); asked["temperature"] != tt.temperature || asked["top_p"] != tt.topP {
			t.Errorf("%+v: the engine was asked temperature %v and top_p %v", tt.sampling, asked["temperature"], asked["top_p"])
		}
	}
}

func TestSeedOf(t *testing.T) {
	t.Parallel()
	if seedOf(nil, 1) != nil {
		t.Error("no seed was asked for")
	}
	for _, seed := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1<<32 - 1} {
		if a, b := seedOf(&seed, 0), seedOf(&seed, 0); *a != *b || *a == 1<<32-1 {
			t.Errorf("seed %d gives %d and %d; the engine takes the highest number for random", seed, *a, *b)
		}
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{})
	for _, tt := range []struct{ name, kind, model, message string }{
		{"gpt-4o-mini", KindChat, "chat", ""},
		{"gpt-3.5-turbo-instruct", KindCompletion, "chat", ""},
		{"text-embedding-3-large", KindEmbedding, "embed", ""},
		{"alias", KindChat, "chat", ""},
		{"chat", KindCompletion, "chat", ""},
		{"no-such", KindChat, "", "The model `no-such` does not exist or you do not have access to it."},
		{"gpt-4", KindCompletion, "", "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?"},
		{"text-davinci-003", KindChat, "", "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?"},
		{"gpt-4", KindEmbedding, "", "Did you mean to use v1/chat/completions?"},
		{"embed", KindChat, "", "Did you mean to use v1/embeddings?"},
		{"loop", KindChat, "", "The server had an error"},
	} {
		target, err := b.Route(tt.name, tt.kind)
		if tt.message == "" {
			if err != nil || target.Model != tt.model || target.Name != tt.name {
				t.Errorf("%s: %+v, %v", tt.name, target, err)
			}
			continue
		}
		e, ok := apierror.As(err)
		if !ok || !strings.Contains(e.Message, tt.message) {
			t.Errorf("%s as %s: %v, want %q", tt.name, tt.kind, err, tt.message)
		}
	}
	a, _ := b.Route("gpt-4", KindChat)
	again, _ := b.Route("gpt-4o", KindChat)
	if a.SystemFingerprint() != again.SystemFingerprint() || len(a.SystemFingerprint()) != len("fp_0123456789") {
		t.Errorf("fingerprints %s and %s of the same weights", a.SystemFingerprint(), again.SystemFingerprint())
	}
}

// TestLogitBias shows that a vendor's token number biases the engine's token of the same text.
func TestLogitBias(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{})
	r := hello(1)
	r.Sampling.LogitBias = map[string]float64{"1820": -100, "4062": 5} // "the" and " quick" in cl100k_base
	if _, err := collect(b.Chat(t.Context(), b.route(t, "gpt-4", KindChat), r), 1); err != nil {
		t.Fatal(err)
	}
	texts := map[string]bool{}
	for _, a := range b.asked {
		if path, body, _ := strings.Cut(a, " "); path == "/tokenize" {
			var v struct{ Content string }
			if err := json.Unmarshal([]byte(body), &v); err != nil {
				t.Fatal(err)
			}
			texts[v.Content] = true
		}
	}
	if !texts["the"] || !texts[" quick"] {
		t.Errorf("the engine was asked to tokenize %v", texts)
	}
	if bias := b.last(t, "/v1/chat/completions")["logit_bias"].([]any); len(bias) != 2 {
		t.Errorf("biases %v", bias)
	}
	for _, key := range []string{"x", "-1", "999999999"} {
		r.Sampling.LogitBias = map[string]float64{key: 1}
		_, err := collect(b.Chat(t.Context(), b.route(t, "gpt-4", KindChat), r), 1)
		if e, ok := apierror.As(err); !ok || e.Status != http.StatusBadRequest || e.Param != "logit_bias" {
			t.Errorf("key %q: %v", key, err)
		}
	}
	r.Sampling.LogitBias = map[string]float64{"17": 1}
	if _, err := collect(b.Chat(t.Context(), b.route(t, "chat", KindChat), r), 1); err != nil {
		t.Fatal(err)
	}
	if bias := b.last(t, "/v1/chat/completions")["logit_bias"].([]any)[0].([]any); bias[0] != 17.0 || bias[1] != 1.0 {
		t.Errorf("a local name's own token became %v", bias)
	}
}

// TestSharedIsAskedOnce shows that choices share what has to be asked of the engine before they start.
func TestSharedIsAskedOnce(t *testing.T) {
	t.Parallel()
	count := func(b *bench, path string) (n int) {
		for _, p := range b.paths() {
			if p == path {
				n++
			}
		}
		return n
	}
	sampling := Sampling{LogitBias: map[string]float64{"1820": 1}, MaxTokens: 2}
	b := newBench(t, fakeengine.Script{})
	r := ChatRequest{Messages: []Message{{Role: "user", Text: strings.Repeat("word ", 100)}}, N: 5, Sampling: sampling}
	if _, err := collect(b.Chat(t.Context(), b.route(t, "gpt-4", KindChat), r), 5); err != nil {
		t.Fatal(err)
	}
	if a, n, k := count(b, "/v1/chat/completions"), count(b, "/apply-template"), count(b, "/tokenize"); a != 5 || n != 1 || k != 2 {
		t.Errorf("5 answers: %d asked, %d prompts made, %d texts tokenized, want 5, 1 and 2", a, n, k)
	}
	b = newBench(t, fakeengine.Script{})
	if _, err := collect(b.Complete(t.Context(), b.route(t, "gpt-3.5-turbo-instruct", KindCompletion), CompletionRequest{
		Prompts: []openai.Prompt{{Text: "a"}, {Text: "b"}}, N: 1, BestOf: 3, Sampling: sampling,
	}), 2); err != nil {
		t.Fatal(err)
	}
	if a, k := count(b, "/v1/completions"), count(b, "/tokenize"); a != 6 || k != 1 {
		t.Errorf("6 texts: %d asked, %d texts tokenized, want 6 and 1", a, k)
	}
}

func TestChatContext(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{})
	target := b.route(t, "chat", KindChat)
	for _, tt := range []struct {
		words, maxTokens int
		message          string
	}{
		{10, 20, ""},
		{150, 20, ""}, // more bytes than the context has tokens, and yet it fits
		{30, 190, "You requested"},
		{250, 0, "However, your messages resulted in 2"},
		{250, 50, "However, your messages resulted in 2"},
	} {
		r := ChatRequest{Messages: []Message{{Role: "user", Text: strings.Repeat("word ", tt.words)}}, N: 1, Sampling: Sampling{MaxTokens: tt.maxTokens}}
		before := len(b.paths())
		_, err := collect(b.Chat(t.Context(), target, r), 1)
		if tt.message == "" {
			if err != nil {
				t.Errorf("%d words: %v", tt.words, err)
			}
			continue
		}
		e, ok := apierror.As(err)
		if !ok || e.Code != "context_length_exceeded" || e.Param != "messages" || !strings.Contains(strings.ToLower(e.Message), strings.ToLower(tt.message)) {
			t.Errorf("%d words and %d tokens: %v", tt.words, tt.maxTokens, err)
		}
		if slices.Contains(b.paths()[before:], "/v1/chat/completions") {
			t.Errorf("%d words: the engine was asked to answer", tt.words)
		}
	}
	// An engine whose context is not known refuses by itself; its words become the vendor's.
	unknown := *target
	unknown.context = 0
	_, err := collect(b.Chat(t.Context(), &unknown, ChatRequest{Messages: []Message{{Role: "user", Text: strings.Repeat("word ", 300)}}, N: 1}), 1)
	if e, ok := apierror.As(err); !ok || e.Code != "context_length_exceeded" {
		t.Errorf("the engine's refusal became %v", err)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{Rules: []fakeengine.Rule{{Contains: "first", Reply: "a b"}, {Contains: "second", Reply: "c d e"}}})
	target := b.route(t, "gpt-3.5-turbo-instruct", KindCompletion)
	choices, err := collect(b.Complete(t.Context(), target, CompletionRequest{
		Prompts: []openai.Prompt{{Text: "first"}, {Text: "second"}}, N: 2, BestOf: 2, Sampling: Sampling{MaxTokens: 16},
	}), 4)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a b", "a b", "c d e", "c d e"} {
		if choices[i].text != want {
			t.Errorf("choice %d is %q, want %q: choices go prompt by prompt", i, choices[i].text, want)
		}
	}
	// Tokens of the vendor's encoding reach the engine as text.
	if _, err := collect(b.Complete(t.Context(), target, CompletionRequest{
		Prompts: []openai.Prompt{{Tokens: []int{9906, 1917}}}, N: 1, BestOf: 1, Sampling: Sampling{MaxTokens: 1},
	}), 1); err != nil {
		t.Fatal(err)
	}
	if got := b.last(t, "/v1/completions")["prompt"]; got != "Hello world" {
		t.Errorf("tokens 9906 and 1917 of cl100k_base came as %v", got)
	}
	// Tokens for a local name are its own.
	if _, err := collect(b.Complete(t.Context(), b.route(t, "chat", KindCompletion), CompletionRequest{
		Prompts: []openai.Prompt{{Tokens: []int{1, 2}}}, N: 1, BestOf: 1, Sampling: Sampling{MaxTokens: 1},
	}), 1); err != nil {
		t.Fatal(err)
	}
	if got := b.last(t, "/v1/completions")["prompt"]; len(got.([]any)) != 2 {
		t.Errorf("tokens 1 and 2 of the model's own came as %v", got)
	}
}

func TestCompleteRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{})
	target := b.route(t, "chat", KindCompletion)
	_, err := collect(b.Complete(t.Context(), target, CompletionRequest{Prompts: []openai.Prompt{{Text: "x"}}, N: 1, BestOf: 1, Suffix: ptr("y")}), 1)
	if e, ok := apierror.As(err); !ok || e.Param != "suffix" || e.Code != "unsupported_parameter" {
		t.Errorf("suffix on a model that cannot: %v", err)
	}
	_, err = collect(b.Complete(t.Context(), target, CompletionRequest{
		Prompts: []openai.Prompt{{Text: strings.Repeat("x ", 150)}}, N: 1, BestOf: 1, Sampling: Sampling{MaxTokens: 100},
	}), 1)
	want := "This model's maximum context length is 200 tokens, however you requested 25"
	if e, ok := apierror.As(err); !ok || !strings.HasPrefix(e.Message, want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestBestOf shows that the choices kept are the likeliest, that they come whole, and that all tokens are counted.
func TestBestOf(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{Rules: []fakeengine.Rule{{Reply: "a b c"}}})
	choices, err := collect(b.Complete(t.Context(), b.route(t, "chat", KindCompletion), CompletionRequest{
		Prompts: []openai.Prompt{{Text: "x"}}, N: 2, BestOf: 5, Sampling: Sampling{MaxTokens: 16},
	}), 2)
	if err != nil {
		t.Fatal(err)
	}
	if choices[0].completion+choices[1].completion != 15 {
		t.Errorf("%d and %d tokens counted, want 15 in all", choices[0].completion, choices[1].completion)
	}
	if choices[0].logprobs != nil {
		t.Error("log probabilities that nobody asked for")
	}
	list := []Event{{Logprobs: []openai.TokenLogprob{{Logprob: -1}, {Logprob: -3}}}, {Logprobs: []openai.TokenLogprob{{Logprob: -2}}}}
	if got := meanLogprob(list); got != -2 {
		t.Errorf("mean log probability %v, want -2", got)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		rule   fakeengine.Rule
		status int
		text   string // what came before
	}{
		{"cut before the first token", fakeengine.Rule{Then: fakeengine.Cut}, http.StatusBadGateway, ""},
		{"cut in mid-answer", fakeengine.Rule{Then: fakeengine.Cut, After: 2, Reply: "a b c"}, http.StatusBadGateway, "a b"},
		{"garbage", fakeengine.Rule{Then: fakeengine.Garbage, After: 1, Reply: "a b c"}, http.StatusBadGateway, "a"},
		{"error chunk", fakeengine.Rule{Then: fakeengine.Error, After: 1, Reply: "a b c"}, http.StatusBadGateway, "a"},
		{"500", fakeengine.Rule{Status: 500}, http.StatusInternalServerError, ""},
		{"503", fakeengine.Rule{Status: 503}, http.StatusServiceUnavailable, ""},
		{"429", fakeengine.Rule{Status: 429}, http.StatusTooManyRequests, ""},
		{"400", fakeengine.Rule{Status: 400, Body: `{"error":{"code":400,"message":"failed to parse grammar","type":"invalid_request_error"}}`}, http.StatusBadRequest, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, fakeengine.Script{Rules: []fakeengine.Rule{tt.rule}})
			choices, err := collect(b.Chat(t.Context(), b.route(t, "chat", KindChat), hello(1)), 1)
			e, ok := apierror.As(err)
			if !ok || e.Status != tt.status {
				t.Fatalf("got %v, want status %d", err, tt.status)
			}
			if choices[0].text != tt.text || choices[0].finish != "" {
				t.Errorf("before it came %+v, want %q and no end", choices[0], tt.text)
			}
			for _, secret := range []string{"script says", "grammar", "127.0.0.1", "secret"} {
				if strings.Contains(e.Message, secret) {
					t.Errorf("the message tells clients of the inside: %s", e.Message)
				}
			}
		})
	}
	b := newBench(t, fakeengine.Script{})
	_, err := collect(b.Chat(t.Context(), b.route(t, "down", KindChat), hello(1)), 1)
	if e, ok := apierror.As(err); !ok || e.Status != http.StatusBadGateway {
		t.Errorf("an engine that is not there: %v", err)
	}
}

// TestLeavingStopsTheEngine shows that the engine's slots are free soon after a client went away, however many choices
// were being made, and after a caller stopped listening.
func TestLeavingStopsTheEngine(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	for _, n := range []int{1, 5} {
		b := newBench(t, fakeengine.Script{Rules: []fakeengine.Rule{{Step: never}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := collect(b.Chat(ctx, b.route(t, "chat", KindChat), hello(n)), n)
			done <- err
		}()
		waitFor(t, func() bool { return b.engine.Busy() == n })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%d choices: %v", n, err)
		}
		waitFor(t, func() bool { return b.engine.Busy() == 0 })
	}
	step := make(chan struct{}, 1)
	b := newBench(t, fakeengine.Script{Rules: []fakeengine.Rule{{Step: step}}})
	step <- struct{}{}
	for range b.Chat(t.Context(), b.route(t, "chat", KindChat), hello(1)) {
		break
	}
	waitFor(t, func() bool { return b.engine.Busy() == 0 })
}

// waitFor polls until a condition holds, for at most a second: the bound within which a slot has to be free.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within a second")
		}
	}
}

func TestEmbed(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{})
	length := func(v []float32) float64 {
		var square float64
		for _, x := range v {
			square += float64(x) * float64(x)
		}
		return math.Sqrt(square)
	}
	for _, tt := range []struct {
		model            string
		dimensions, want int
	}{
		{"embed", 0, 384}, {"text-embedding-ada-002", 0, 1536}, {"text-embedding-3-small", 0, 1536}, {"text-embedding-3-large", 0, 3072},
		{"text-embedding-3-small", 256, 256}, {"text-embedding-3-large", 1024, 1024},
	} {
		inputs := []openai.Prompt{{Text: "a few words"}, {Tokens: []int{9906, 1917}}, {Text: strings.Repeat("many words ", 40)}}
		vectors, tokens, err := b.Embed(t.Context(), b.route(t, tt.model, KindEmbedding), inputs, tt.dimensions)
		if err != nil {
			t.Fatalf("%s: %v", tt.model, err)
		}
		if len(vectors) != 3 || tokens == 0 {
			t.Fatalf("%s: %d vectors and %d tokens", tt.model, len(vectors), tokens)
		}
		for i, v := range vectors {
			if len(v) != tt.want || math.Abs(length(v)-1) > 1e-5 {
				t.Errorf("%s: vector %d has %d numbers and length %f, want %d and 1", tt.model, i, len(v), length(v), tt.want)
			}
		}
	}
	for _, tt := range []struct {
		model      string
		dimensions int
	}{{"text-embedding-ada-002", 256}, {"text-embedding-3-small", 1537}, {"embed", 385}} {
		_, _, err := b.Embed(t.Context(), b.route(t, tt.model, KindEmbedding), []openai.Prompt{{Text: "x"}}, tt.dimensions)
		if e, ok := apierror.As(err); !ok || e.Param != "dimensions" || e.Status != http.StatusBadRequest {
			t.Errorf("%d dimensions of %s: %v", tt.dimensions, tt.model, err)
		}
	}
}

func TestEmbedLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t, fakeengine.Script{})
	target := b.route(t, "embed", KindEmbedding)
	_, _, err := b.Embed(t.Context(), target, []openai.Prompt{{Text: strings.Repeat(" w", MaxEmbeddingTokens+1)}}, 0)
	if e, ok := apierror.As(err); !ok || !strings.HasPrefix(e.Message, "This model's maximum context length is 8192 tokens, however you requested 8193 tokens") {
		t.Errorf("one long input: %v", err)
	}
	many := slices.Repeat([]openai.Prompt{{Text: strings.Repeat("w ", 8000)}}, 38)
	_, _, err = b.Embed(t.Context(), target, many, 0)
	if e, ok := apierror.As(err); !ok || e.Code != "max_tokens_per_request" {
		t.Errorf("many long inputs: %v", err)
	}
	if slices.Contains(b.paths(), "/v1/embeddings") {
		t.Error("the engine worked on inputs that are refused")
	}
}
