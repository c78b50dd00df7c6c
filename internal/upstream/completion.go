package upstream

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/openai"
)

// CompletionRequest asks for n texts to follow each prompt.
type CompletionRequest struct {
	Prompts  []openai.Prompt
	Suffix   *string // text after the gap that is to be filled in
	N        int
	BestOf   int // how many are made to choose the n likeliest from; at least N
	Sampling Sampling
}

// completion is one text among those that bestOf chooses from.
type completion struct {
	events  []Event
	logprob float64 // mean over its tokens
}

// Complete generates the texts of a completion request. Choices are numbered prompt by prompt. Errors are
// *apierror.Error: a suffix on a model that cannot fill in the middle, a prompt that does not fit.
func (u *Upstream) Complete(ctx context.Context, t *Target, r CompletionRequest) iter.Seq2[Event, error] {
	if r.Suffix != nil && t.fim == nil {
		return failed(apierror.Invalidf("suffix", "unsupported_parameter",
			"Unsupported parameter: 'suffix' is not supported with this model. Use a model that can fill in the middle, such as qwen2.5-coder-1.5b-instruct."))
	}
	sampling := once(func(l lease) (engineRequest, error) { return u.sampling(ctx, l, t, &r.Sampling) })
	var choices []func(context.Context) iter.Seq2[Event, error]
	for p, prompt := range r.Prompts {
		shared := once(func(l lease) (engineRequest, error) {
			text, err := u.enginePrompt(ctx, l, t, r, prompt, p)
			if err != nil {
				return engineRequest{}, err
			}
			if err := u.checkContext(ctx, l, t, text, r.Sampling.MaxTokens); err != nil {
				return engineRequest{}, err
			}
			e, err := sampling(l)
			e.Prompt = text
			return e, err
		})
		if r.BestOf > r.N {
			choices = append(choices, func(ctx context.Context) iter.Seq2[Event, error] { return u.bestOf(ctx, t, r, shared, p) })
			continue
		}
		for i := range r.N {
			choices = append(choices, func(ctx context.Context) iter.Seq2[Event, error] {
				return u.complete(ctx, t, r.Sampling, shared, p*r.N+i)
			})
		}
	}
	return limitTops(inWords(merge(ctx, choices), "prompt"), r.Sampling.TopLogprobs)
}

func failed(err error) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) { yield(Event{}, err) }
}

// complete runs one choice of one prompt; shared is what it has in common with the prompt's other choices.
func (u *Upstream) complete(ctx context.Context, t *Target, s Sampling, shared func(lease) (engineRequest, error), choice int) iter.Seq2[Event, error] {
	return u.generate(ctx, t, "/v1/completions", choice, func(l lease) (engineRequest, error) {
		e, err := shared(l)
		e.Seed = seedOf(s.Seed, choice)
		if s.Logprobs {
			e.Logprobs = max(1, s.TopLogprobs)
		}
		return e, err
	})
}

// enginePrompt gives what the engine continues: a string, or the model's own tokens as they came.
func (u *Upstream) enginePrompt(ctx context.Context, l lease, t *Target, r CompletionRequest, prompt openai.Prompt, index int) (any, error) {
	if prompt.Tokens != nil && t.encoding == "" && r.Suffix == nil {
		return prompt.Tokens, nil
	}
	text, err := u.textOf(ctx, l, t, prompt, fmt.Sprintf("prompt[%d]", index))
	if err != nil {
		return nil, err
	}
	if r.Suffix != nil {
		text = t.fim.Prefix + text + t.fim.Suffix + *r.Suffix + t.fim.Middle
	}
	if text == "" {
		text = "<|endoftext|>" // the contract's default: the model starts a new document
	}
	return text, nil
}

// checkContext is checkChatContext for a prompt without a template.
func (u *Upstream) checkContext(ctx context.Context, l lease, t *Target, prompt any, maxTokens int) error {
	if t.context == 0 {
		return nil
	}
	var count int
	switch p := prompt.(type) {
	case []int:
		count = len(p)
	case string:
		if count = len(p) + 1; count+maxTokens > t.context {
			tokens, err := u.tokenize(ctx, l, p, true)
			if err != nil {
				return err
			}
			count = len(tokens)
		}
	}
	if count+max(1, maxTokens) <= t.context {
		return nil
	}
	// The older endpoint's wording, wire-facts 2.
	return apierror.Invalidf("", "", "This model's maximum context length is %d tokens, however you requested %d tokens (%d in your prompt; %d for the completion). Please reduce your prompt; or completion length.",
		t.context, count+maxTokens, count, maxTokens)
}

// bestOf makes BestOf texts for one prompt, keeps the N with the highest log probability per token and yields them
// whole. The tokens of all of them are counted.
func (u *Upstream) bestOf(ctx context.Context, t *Target, r CompletionRequest, shared func(lease) (engineRequest, error), p int) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		scored := r.Sampling
		scored.Logprobs = true
		choices := make([]func(context.Context) iter.Seq2[Event, error], r.BestOf)
		for i := range choices {
			choices[i] = func(ctx context.Context) iter.Seq2[Event, error] {
				return u.complete(ctx, t, scored, shared, i)
			}
		}
		made := make([]completion, r.BestOf)
		for event, err := range merge(ctx, choices) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			made[event.Choice].events = append(made[event.Choice].events, event)
		}
		spent := 0
		for i := range made {
			made[i].logprob = meanLogprob(made[i].events)
			spent += made[i].events[len(made[i].events)-1].CompletionTokens
		}
		slices.SortStableFunc(made, func(a, b completion) int {
			switch {
			case a.logprob > b.logprob:
				return -1
			case a.logprob < b.logprob:
				return 1
			}
			return 0
		})
		for i, c := range made[:r.N] {
			for _, event := range c.events {
				event.Choice = p*r.N + i
				if !r.Sampling.Logprobs {
					event.Logprobs = nil
				}
				if event.FinishReason != "" {
					// The first choice carries the tokens of every text that was made, the others none.
					event.CompletionTokens, spent = spent, 0
				}
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

func meanLogprob(events []Event) float64 {
	var sum float64
	var n int
	for _, event := range events {
		for _, p := range event.Logprobs {
			sum += p.Logprob
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// Text gives the text of a prompt as the target reads it, for echo. It needs the engine only for the model's own tokens.
func (u *Upstream) Text(ctx context.Context, t *Target, p openai.Prompt, index int) (string, error) {
	var l lease
	if p.Tokens != nil && t.encoding == "" {
		var err error
		if l, err = u.acquire(ctx, t); err != nil {
			return "", err
		}
		defer l.release()
	}
	return u.textOf(ctx, l, t, p, fmt.Sprintf("prompt[%d]", index))
}
