package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/engines"
)

const smallModel = "qwen2.5-coder-0.5b-instruct"

// measureLocal asks a real engine for the same answers directly and through Everpoint, in turns. One process of the
// engine serves both: it is started here as Everpoint starts it, and Everpoint is pointed at it.
func measureLocal(ctx context.Context, o options, r *report) error {
	dir, err := os.MkdirTemp("", "everpoint-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	lease, stop, err := startEngine(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	s, err := startServer(ctx, o, dir, fmt.Sprintf(
		"engines: {offline: true}\nmodels: {chat: bench, names: {bench: {url: %q, key_env: BENCH_ENGINE_KEY, kind: chat, context: %d}}}\n", lease.URL, lease.Model.Context),
		"BENCH_ENGINE_KEY="+lease.Key)
	if err != nil {
		return err
	}
	defer s.Stop()
	r.Engine = strings.TrimSpace(lease.Model.Engine + " " + lease.EngineVersion)
	r.Model = lease.Model.ID

	floor, product := newTarget(lease.URL, lease.Key), newTarget(s.URL, s.Key)
	pairs, tokens, firsts := 20, 128, 100
	if o.quick {
		pairs, tokens, firsts = 3, 32, 10
	}
	if err := r.tokensPerSecond(ctx, floor, product, pairs, tokens); err != nil {
		return err
	}
	return r.firstToken(ctx, floor, product, firsts)
}

// startEngine runs the small model the way the server does, in the user's cache folder.
func startEngine(ctx context.Context, dir string) (*engines.Lease, func(), error) {
	conf, err := config.Load("", os.LookupEnv) //nolint:forbidigo // a program of its own
	if err != nil {
		return nil, nil, err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	lib, err := engines.Open(engines.LibraryOptions{
		Dir: conf.Engines.Cache, Sources: conf.Engines.Sources, Folder: conf.Engines.Folder, LlamaServer: conf.Engines.LlamaServer, Logger: logger,
	})
	if err != nil {
		return nil, nil, err
	}
	supervisor := engines.NewSupervisor(lib, engines.SupervisorOptions{
		LogDir: filepath.Join(dir, "engines"), StartTimeout: conf.Engines.StartTimeout, Threads: conf.Engines.Threads, Logger: logger,
	})
	if err := supervisor.Start(ctx); err != nil {
		return nil, nil, err
	}
	lease, err := supervisor.Acquire(ctx, smallModel)
	if err != nil {
		supervisor.Stop()
		return nil, nil, err
	}
	return lease, func() {
		lease.Release()
		supervisor.Stop()
	}, nil
}

// tokensPerSecond measures whole streamed answers. No prompt is sent twice: its number comes first, so that neither side
// finds the other's work in the engine's cache.
func (r *report) tokensPerSecond(ctx context.Context, floor, product *target, pairs, tokens int) error {
	progressf("tokens per second: %d pairs of %d tokens", pairs, tokens)
	number := 100
	ask := func(t *target) (float64, error) {
		number++
		a, err := t.stream(ctx, fmt.Sprintf("Story %d. Write a long story about a lighthouse keeper and the sea.", number), tokens)
		if err != nil {
			return 0, err
		}
		if a.tokens < tokens {
			return 0, fmt.Errorf("the model stopped after %d of %d tokens", a.tokens, tokens)
		}
		return float64(a.tokens) / a.total.Seconds(), nil
	}
	for _, t := range []*target{floor, product} { // warms up
		if _, err := ask(t); err != nil {
			return err
		}
	}
	var direct, through, ratios []float64
	for i := range pairs {
		d, p, err := inTurns(i, floor, product, ask)
		if err != nil {
			return err
		}
		direct, through, ratios = append(direct, d), append(through, p), append(ratios, p/d)
	}
	d, ratio := median(direct), median(ratios)
	r.add(figure{Name: "local model: tokens per second, streamed", Direct: &d, Product: median(through), Unit: "tokens/s", Ratio: &ratio,
		Goal: "≥ 0.98 of direct", missed: 0.98 - ratio,
		Note: fmt.Sprintf("%d pairs in turns, each answer %d tokens; the ratio is the median of the pairs', quartiles %.3f and %.3f", pairs, tokens, quantile(ratios, 0.25), quantile(ratios, 0.75))})
	return nil
}

// firstToken measures the time to the first piece of text. All requests are the same, so that on both sides the engine
// finds the prompt in its cache, and little of the time is its own.
func (r *report) firstToken(ctx context.Context, floor, product *target, pairs int) error {
	progressf("first token: %d pairs", pairs)
	ask := func(t *target) (float64, error) {
		a, err := t.stream(ctx, "Hello there, how are you today?", 1)
		return ms(a.first), err
	}
	for range 3 {
		for _, t := range []*target{floor, product} {
			if _, err := ask(t); err != nil {
				return err
			}
		}
	}
	var direct, through, added []float64
	for i := range pairs {
		d, p, err := inTurns(i, floor, product, ask)
		if err != nil {
			return err
		}
		direct, through, added = append(direct, d), append(through, p), append(added, p-d)
	}
	d, a := median(direct), median(added)
	r.add(figure{Name: "local model: time to the first token", Direct: &d, Product: median(through), Unit: "ms", Added: &a, Goal: "≤ 2 added", missed: a - 2,
		Note: fmt.Sprintf("%d pairs in turns; added is the median of the pairs', quartiles %.2f and %.2f ms", pairs, quantile(added, 0.25), quantile(added, 0.75))})
	return nil
}

// inTurns measures one pair, the floor first in even ones.
func inTurns(i int, floor, product *target, ask func(*target) (float64, error)) (direct, through float64, err error) {
	order := []*target{floor, product}
	if i%2 == 1 {
		order = []*target{product, floor}
	}
	for _, t := range order {
		v, err := ask(t)
		if err != nil {
			return 0, 0, err
		}
		if t == floor {
			direct = v
		} else {
			through = v
		}
	}
	return direct, through, nil
}

// answer is one streamed answer on the clock.
type answer struct {
	first, total time.Duration // to the first text, to the end
	tokens       int
}

// stream asks for a streamed answer of so many tokens.
func (t *target) stream(ctx context.Context, prompt string, tokens int) (answer, error) {
	body, err := json.Marshal(map[string]any{
		"model": "bench", "stream": true, "stream_options": map[string]any{"include_usage": true},
		"max_tokens": tokens, "temperature": 0, "seed": 1,
		"messages": []any{map[string]any{"role": "user", "content": prompt}},
	})
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+t.key)
	req.Header["Idempotency-Key"] = nil // an engine may close a connection that was idle; then send again
	began := time.Now()
	resp, err := t.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answer{}, errors.New(resp.Status)
	}
	var a answer
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return a, fmt.Errorf("the stream ended without [DONE]: %w", err)
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if strings.HasPrefix(data, "[DONE]") {
			a.total = time.Since(began)
			return a, nil
		}
		now := time.Since(began)
		var chunk struct {
			Choices []struct {
				Delta struct{ Content string } `json:"delta"`
			} `json:"choices"`
			Usage *struct {
				CompletionTokens int `json:"completion_tokens"`
			} `json:"usage"`
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return a, err
		}
		if a.first == 0 && len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			a.first = now
		}
		if chunk.Usage != nil {
			a.tokens = chunk.Usage.CompletionTokens
		}
	}
}
