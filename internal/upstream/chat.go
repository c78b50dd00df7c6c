package upstream

import (
	"context"
	"errors"
	"iter"
)

// ChatRequest asks for n answers to a conversation.
type ChatRequest struct {
	Messages []Message
	N        int
	Sampling Sampling
	// Grammar, when not empty, is what the answer is decoded under, in llama.cpp's GBNF notation.
	Grammar string
}

// Message is one turn of a conversation, in plain text.
type Message struct {
	Role string // system, user or assistant
	Text string
}

// Chat generates the answers of a chat request. Each choice ends with an event that has a FinishReason. Errors are
// *apierror.Error, among them the vendor's context_length_exceeded.
func (u *Upstream) Chat(ctx context.Context, t *Target, r ChatRequest) iter.Seq2[Event, error] {
	messages := make([]engineMessage, len(r.Messages))
	for i, m := range r.Messages {
		messages[i] = engineMessage{Role: m.Role, Content: m.Text}
	}
	shared := once(func(l lease) (engineRequest, error) {
		if err := u.checkChatContext(ctx, l, t, messages, r.Sampling.MaxTokens); err != nil {
			return engineRequest{}, err
		}
		e, err := u.sampling(ctx, l, t, &r.Sampling)
		e.Messages, e.Grammar = messages, r.Grammar
		if r.Sampling.Logprobs {
			// With 0 the engine tells none at all; the extra one is cut off by the caller's count.
			e.Logprobs, e.TopLogprobs = true, max(1, r.Sampling.TopLogprobs)
		}
		return e, err
	})
	choices := make([]func(context.Context) iter.Seq2[Event, error], r.N)
	for i := range choices {
		choices[i] = func(ctx context.Context) iter.Seq2[Event, error] {
			return u.generate(ctx, t, "/v1/chat/completions", i, func(l lease) (engineRequest, error) {
				e, err := shared(l)
				e.Seed = seedOf(r.Sampling.Seed, i)
				return e, err
			})
		}
	}
	return limitTops(inWords(merge(ctx, choices), "messages"), r.Sampling.TopLogprobs)
}

// limitTops cuts the likeliest tokens of each place to the number that was asked for.
func limitTops(events iter.Seq2[Event, error], n int) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for event, err := range events {
			for i, p := range event.Logprobs {
				event.Logprobs[i].TopLogprobs = p.TopLogprobs[:min(n, len(p.TopLogprobs))]
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// inWords puts the engine's own refusal of a too long prompt into the vendor's words.
func inWords(events iter.Seq2[Event, error], noun string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for event, err := range events {
			if exceeded, ok := errors.AsType[*contextExceeded](err); ok {
				err = contextError(exceeded.context, exceeded.tokens, 0, noun)
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// templateTokens bounds what a chat template adds to a conversation, and to each of its messages: the default system
// prompt and the marks around a role.
const (
	templateTokens        = 64
	templateMessageTokens = 8
)

// checkChatContext refuses a conversation that does not fit before the engine works on it. No tokenizer here makes more
// tokens than the text has bytes, so the engine is asked to count only when the bytes alone do not settle it.
func (u *Upstream) checkChatContext(ctx context.Context, l lease, t *Target, messages []engineMessage, maxTokens int) error {
	if t.context == 0 {
		return nil
	}
	bound := templateTokens
	for _, m := range messages {
		bound += templateMessageTokens + len(m.Content)
	}
	if bound+maxTokens <= t.context {
		return nil
	}
	var answer struct {
		Prompt string `json:"prompt"`
	}
	if err := u.ask(ctx, l, "/apply-template", map[string]any{"messages": messages}, &answer); err != nil {
		return err
	}
	tokens, err := u.tokenize(ctx, l, answer.Prompt, false)
	if err != nil {
		return err
	}
	if len(tokens)+max(1, maxTokens) > t.context {
		return contextError(t.context, len(tokens), maxTokens, "messages")
	}
	return nil
}
