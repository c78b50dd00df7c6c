package upstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/openai"
)

// Sampling says how tokens are chosen. Nil fields are left to the model's own defaults.
type Sampling struct {
	Temperature      *float64
	TopP             *float64
	PresencePenalty  *float64
	FrequencyPenalty *float64
	LogitBias        map[string]float64 // by token number, in the encoding of the name that was asked for
	Seed             *int64
	Stop             []string
	MaxTokens        int // 0 is up to the end of the context
	Logprobs         bool
	TopLogprobs      int // likeliest tokens told for each place, with Logprobs
}

// Event is the next piece of one choice of an answer.
type Event struct {
	Choice   int
	Text     string
	Logprobs []openai.TokenLogprob
	// FinishReason is "stop" or "length" in the last event of a choice, which alone carries the token counts.
	FinishReason                                 string
	PromptTokens, CachedTokens, CompletionTokens int
}

// engineRequest is what both of llama-server's endpoints for text take.
type engineRequest struct {
	Messages         []engineMessage `json:"messages,omitempty"`
	Prompt           any             `json:"prompt,omitempty"` // string or []int
	Stream           bool            `json:"stream"`
	StreamOptions    map[string]bool `json:"stream_options"`
	MaxTokens        int             `json:"max_tokens,omitempty"`
	Temperature      *float64        `json:"temperature,omitempty"`
	TopP             *float64        `json:"top_p,omitempty"`
	PresencePenalty  *float64        `json:"presence_penalty,omitempty"`
	FrequencyPenalty *float64        `json:"frequency_penalty,omitempty"`
	RepeatLastN      int             `json:"repeat_last_n,omitempty"`
	LogitBias        [][2]float64    `json:"logit_bias,omitempty"`
	Seed             *uint32         `json:"seed,omitempty"`
	CachePrompt      *bool           `json:"cache_prompt,omitempty"` // true is the engine's default
	Stop             []string        `json:"stop,omitempty"`
	Logprobs         any             `json:"logprobs,omitempty"` // bool for chat, number for completions
	TopLogprobs      int             `json:"top_logprobs,omitempty"`
	Grammar          string          `json:"grammar,omitempty"`
}

type engineMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// engineChunk is one event of llama-server's streams, of both endpoints.
type engineChunk struct {
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
		Text         string  `json:"text"`
		FinishReason *string `json:"finish_reason"`
		Logprobs     *struct {
			Content []openai.TokenLogprob `json:"content"`
		} `json:"logprobs"`
	} `json:"choices"`
	Usage *openai.Usage   `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// once makes what the choices of a request share when the first of them has a place at the engine, and gives it to all.
// What it asks of the engine, such as the tokens of a logit_bias, is asked once then.
func once(make func(lease) (engineRequest, error)) func(lease) (engineRequest, error) {
	var done sync.Once
	var r engineRequest
	var err error
	return func(l lease) (engineRequest, error) {
		done.Do(func() { r, err = make(l) })
		return r, err
	}
}

// sampling fills in the fields that both endpoints share. Each choice of a seeded request has a seed of its own.
func (u *Upstream) sampling(ctx context.Context, l lease, t *Target, s *Sampling) (engineRequest, error) {
	r := engineRequest{
		Stream: true, StreamOptions: map[string]bool{"include_usage": true},
		MaxTokens: s.MaxTokens, Temperature: s.Temperature, TopP: s.TopP,
		PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty, Stop: s.Stop,
	}
	if t.defaults != nil && s.Temperature == nil && s.TopP == nil {
		r.Temperature, r.TopP = &t.defaults.Temperature, &t.defaults.TopP
	}
	if nonZero(s.PresencePenalty) || nonZero(s.FrequencyPenalty) {
		// The vendor counts the whole text, llama.cpp by default its last 64 tokens. Not every build of it knows -1 for all.
		r.RepeatLastN = cmp.Or(t.context, 1<<15)
	}
	if s.Seed != nil && (r.Temperature == nil || *r.Temperature != 0) {
		// How much of a prompt the engine has in its cache decides in what batches it computes the rest, and so the last
		// digits of the probabilities, which turn a draw. A seed asks for the same draws again.
		r.CachePrompt = new(bool)
	}
	var err error
	r.LogitBias, err = u.logitBias(ctx, l, t, s.LogitBias)
	return r, err
}

func nonZero(f *float64) bool { return f != nil && *f != 0 }

// seedOf gives the engine's 32-bit seed for one choice; the highest value means "random" there.
func seedOf(seed *int64, choice int) *uint32 {
	if seed == nil {
		return nil
	}
	s := uint32(uint64(*seed)^uint64(*seed)>>32) + uint32(choice)
	if s == 1<<32-1 {
		s = 0
	}
	return &s
}

// generate runs one choice: it waits for a place at the engine, lets prepare build the request there, and yields what
// comes back. The last event has a FinishReason; a failure before it is yielded as an error and ends the sequence.
func (u *Upstream) generate(ctx context.Context, t *Target, path string, choice int, prepare func(lease) (engineRequest, error)) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		// Leaving the loop early closes the connection, which makes the engine stop at once.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l, err := u.acquire(ctx, t)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer l.release()
		r, err := prepare(l)
		if err != nil {
			yield(Event{}, err)
			return
		}
		resp, err := u.post(ctx, l, path, r)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer resp.Body.Close()
		if err := l.readEvents(ctx, resp.Body, choice, yield); err != nil {
			yield(Event{}, err)
		}
	}
}

// readEvents turns an engine's stream into events. It returns nil when the answer is whole or yield has had enough.
func (l lease) readEvents(ctx context.Context, body io.ReadCloser, choice int, yield func(Event, error) bool) error {
	events := newEventReader(body)
	last := Event{Choice: choice}
	for {
		data, err := events.next()
		if err != nil {
			return l.failed(ctx, err)
		}
		if string(data) == "[DONE]" {
			if last.FinishReason == "" {
				return l.failed(ctx, io.ErrUnexpectedEOF)
			}
			yield(last, nil)
			finish(body)
			return nil
		}
		var chunk engineChunk
		if err := json.Unmarshal(data, &chunk); err != nil {
			return l.failed(ctx, err)
		}
		if chunk.Error != nil {
			return l.failed(ctx, errors.New("engine: "+string(chunk.Error)))
		}
		if chunk.Usage != nil {
			last.PromptTokens, last.CompletionTokens = chunk.Usage.PromptTokens, chunk.Usage.CompletionTokens
			if d := chunk.Usage.PromptTokensDetails; d != nil {
				last.CachedTokens = d.CachedTokens
			}
		}
		if len(chunk.Choices) == 0 {
			continue
		}
		c := chunk.Choices[0]
		if c.FinishReason != nil {
			last.FinishReason = *c.FinishReason
		}
		event := Event{Choice: choice, Text: c.Delta.Content + c.Text}
		if c.Logprobs != nil {
			event.Logprobs = tidyLogprobs(c.Logprobs.Content)
		}
		if (event.Text != "" || len(event.Logprobs) > 0) && !yield(event, nil) {
			return nil
		}
	}
}

// finish reads to the end of an answer that is whole, which is what lets its connection be used again. The end comes with
// [DONE]; an engine that keeps the connection open beyond it is not waited for.
func finish(body io.ReadCloser) {
	hangUp := time.AfterFunc(100*time.Millisecond, func() { _ = body.Close() })
	defer hangUp.Stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 4<<10)) // all that could fail is the saving
}

// tidyLogprobs writes tokens that are no whole characters the way the vendor does and keeps every list non-null.
func tidyLogprobs(list []openai.TokenLogprob) []openai.TokenLogprob {
	for i := range list {
		p := &list[i]
		p.Token, p.Bytes = tokenText(p.Token, p.Bytes), nonNil(p.Bytes)
		p.TopLogprobs = nonNil(p.TopLogprobs)
		for j := range p.TopLogprobs {
			top := &p.TopLogprobs[j]
			top.Token, top.Bytes = tokenText(top.Token, top.Bytes), nonNil(top.Bytes)
		}
	}
	return list
}

// tokenText writes a token that is a part of a character as \x and two digits for each of its bytes.
func tokenText(token string, values []int) string {
	raw := make([]byte, len(values))
	for i, v := range values {
		raw[i] = byte(v)
	}
	if utf8.Valid(raw) {
		return token
	}
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 4*len(raw))
	for _, b := range raw {
		text = append(text, '\\', 'x', digits[b>>4], digits[b&15])
	}
	return string(text)
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// maxParallel bounds the choices of one request that run or wait for a place at the engine at the same time, so that one
// request with many choices does not fill the queue.
const maxParallel = 8

// merge runs several choices at once and yields their events as they come. The first failure ends all of them.
func merge(ctx context.Context, choices []func(context.Context) iter.Seq2[Event, error]) iter.Seq2[Event, error] {
	if len(choices) == 1 {
		return choices[0](ctx)
	}
	return func(yield func(Event, error) bool) {
		type item struct {
			event Event
			err   error
		}
		ctx, cancel := context.WithCancel(ctx)
		items := make(chan item)
		var next atomic.Int64
		var running sync.WaitGroup
		for range min(maxParallel, len(choices)) {
			running.Go(func() {
				for i := next.Add(1) - 1; i < int64(len(choices)) && ctx.Err() == nil; i = next.Add(1) - 1 {
					for event, err := range choices[i](ctx) {
						select {
						case items <- item{event, err}:
						case <-ctx.Done():
							return
						}
					}
				}
			})
		}
		go func() {
			running.Wait()
			close(items)
		}()
		// Nothing outlives the sequence: stop the others, then wait for them.
		defer func() {
			cancel()
			for range items {
			}
		}()
		for it := range items {
			if !yield(it.event, it.err) || it.err != nil {
				return
			}
		}
		if ctx.Err() != nil {
			yield(Event{}, ctx.Err())
		}
	}
}

// contextError is the vendor's answer to a chat prompt that does not fit, or that leaves no room for the tokens asked for.
func contextError(limit, prompt, completion int, noun string) error {
	if completion == 0 || prompt >= limit {
		return apierror.Invalidf(noun, "context_length_exceeded",
			"This model's maximum context length is %d tokens. However, your %s resulted in %d tokens. Please reduce the length of the %s.", limit, noun, prompt, noun)
	}
	return apierror.Invalidf(noun, "context_length_exceeded",
		"This model's maximum context length is %d tokens. However, you requested %d tokens (%d in the %s, %d in the completion). Please reduce the length of the %s or completion.",
		limit, prompt+completion, prompt, noun, completion, noun)
}
