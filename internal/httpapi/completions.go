package httpapi

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/upstream"
	"github.com/everpoint/everpoint/openai"
)

// defaultMaxTokens is the contract's for this endpoint.
const defaultMaxTokens = 16

// createCompletion continues texts, whole or as a stream.
func (a *API) createCompletion(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[openai.CompletionRequest](a, r, "createCompletion")
	if err != nil {
		return err
	}
	target, err := a.route(w, r, req.Model, upstream.KindCompletion)
	if err != nil {
		return err
	}
	if err := checkCompletionRequest(req); err != nil {
		return err
	}
	if len(req.Prompt) == 0 {
		req.Prompt = openai.Prompts{{}}
	}
	n := number(req.N, 1)
	answer := completionAnswer{
		req: req, n: n, id: newID("cmpl-", 29), created: time.Now().Unix(), fingerprint: target.SystemFingerprint(),
		choices: make([]completionChoice, n*len(req.Prompt)), prompts: make([]int, len(req.Prompt)),
	}
	if err := answer.begin(r.Context(), a.upstream, target); err != nil {
		return err
	}
	events := a.upstream.Complete(r.Context(), target, upstream.CompletionRequest{
		Prompts: req.Prompt, Suffix: req.Suffix, N: n, BestOf: number(req.BestOf, n),
		Sampling: upstream.Sampling{
			Temperature: req.Temperature, TopP: req.TopP,
			PresencePenalty: req.PresencePenalty, FrequencyPenalty: req.FrequencyPenalty,
			LogitBias: req.LogitBias, Seed: req.Seed, Stop: req.Stop,
			MaxTokens: number(req.MaxTokens, defaultMaxTokens),
			Logprobs:  req.Logprobs != nil, TopLogprobs: number(req.Logprobs, 0),
		},
	})
	if number(req.MaxTokens, defaultMaxTokens) == 0 {
		events = answer.nothing(r.Context(), a.upstream, target)
	}
	if number(req.Stream, false) {
		return answer.stream(w, r, events)
	}
	return answer.whole(w, events)
}

// checkCompletionRequest holds the vendor's rules between parameters.
func checkCompletionRequest(req *openai.CompletionRequest) error {
	n, bestOf := number(req.N, 1), number(req.BestOf, number(req.N, 1))
	switch {
	case bestOf < n:
		return apierror.Invalidf("best_of", "", "You requested that the server return more choices than it will generate (HINT: you must set 'n' (currently %d) to be at most 'best_of' (currently %d), or omit either parameter if you don't specifically want to use them.)", n, bestOf)
	case bestOf > n && number(req.Stream, false):
		return apierror.Invalidf("best_of", "", "Cannot stream results with best_of > n: which of the results are best is not known before they are whole.")
	case req.StreamOptions != nil && !number(req.Stream, false):
		return apierror.Invalidf("stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case number(req.Echo, false) && req.Suffix != nil:
		return apierror.Invalidf("echo", "", "Setting 'echo' and 'suffix' at the same time is not supported.")
	case number(req.Echo, false) && req.Logprobs != nil:
		return apierror.Invalidf("logprobs", "unsupported_parameter", "Unsupported parameter: 'logprobs' together with 'echo' is not supported with this model. Leave out one of them.")
	}
	for i, p := range req.Prompt {
		if p.Tokens != nil && len(p.Tokens) == 0 {
			return apierror.Invalidf(index("prompt", i), "empty_array", "Invalid '%s': empty array. Expected an array with minimum length 1, but got an empty array instead.", index("prompt", i))
		}
	}
	return nil
}

// completionAnswer puts an engine's events into the older endpoint's shapes.
type completionAnswer struct {
	req         *openai.CompletionRequest
	n           int
	id          string
	created     int64
	fingerprint string
	choices     []completionChoice
	prompts     []int // tokens of each prompt
	usage       openai.Usage
}

type completionChoice struct {
	text     strings.Builder
	logprobs *openai.CompletionLogprobs
	offset   int // characters of the prompt and of the text so far
	echo     string
	finish   string
}

// begin prepares the choices; with echo or logprobs the text of the prompts is needed.
func (c *completionAnswer) begin(ctx context.Context, u *upstream.Upstream, target *upstream.Target) error {
	if !number(c.req.Echo, false) && c.req.Logprobs == nil {
		return nil
	}
	for p, prompt := range c.req.Prompt {
		text, err := u.Text(ctx, target, prompt, p)
		if err != nil {
			return err
		}
		for i := range c.n {
			choice := &c.choices[p*c.n+i]
			choice.offset = utf8.RuneCountInString(text)
			if number(c.req.Echo, false) {
				choice.echo = text
			}
		}
	}
	return nil
}

// nothing is the answer to max_tokens 0: each choice ends at once, its prompt counted.
func (c *completionAnswer) nothing(ctx context.Context, u *upstream.Upstream, target *upstream.Target) iter.Seq2[upstream.Event, error] {
	return func(yield func(upstream.Event, error) bool) {
		for p, prompt := range c.req.Prompt {
			tokens, err := u.PromptTokens(ctx, target, prompt, p)
			for i := range c.n {
				if !yield(upstream.Event{Choice: p*c.n + i, FinishReason: "length", PromptTokens: tokens}, err) || err != nil {
					return
				}
			}
		}
	}
}

// take adds an event to its choice and gives the piece that the event brings, echo included.
func (c *completionAnswer) take(event upstream.Event) (string, *openai.CompletionLogprobs) {
	choice := &c.choices[event.Choice]
	piece := choice.echo + event.Text
	choice.echo = ""
	choice.text.WriteString(piece)
	logprobs := choice.legacyLogprobs(event.Logprobs)
	if event.FinishReason != "" {
		choice.finish = event.FinishReason
		c.prompts[event.Choice/c.n] = event.PromptTokens
		prompt := 0
		for _, tokens := range c.prompts {
			prompt += tokens
		}
		addUsage(&c.usage, event, prompt)
	}
	return piece, logprobs
}

// legacyLogprobs appends tokens to the choice's lists and gives lists of the new ones alone.
func (c *completionChoice) legacyLogprobs(list []openai.TokenLogprob) *openai.CompletionLogprobs {
	if len(list) == 0 {
		return nil
	}
	piece := &openai.CompletionLogprobs{}
	for _, p := range list {
		tops := make(map[string]float64, len(p.TopLogprobs))
		for _, top := range p.TopLogprobs {
			tops[legacyToken(top.Token, top.Bytes)] = top.Logprob
		}
		piece.Tokens = append(piece.Tokens, legacyToken(p.Token, p.Bytes))
		piece.TokenLogprobs = append(piece.TokenLogprobs, &p.Logprob)
		piece.TopLogprobs = append(piece.TopLogprobs, tops)
		piece.TextOffset = append(piece.TextOffset, c.offset)
		c.offset += utf8.RuneCountInString(p.Token)
	}
	if c.logprobs == nil {
		c.logprobs = &openai.CompletionLogprobs{}
	}
	all := c.logprobs
	all.Tokens = append(all.Tokens, piece.Tokens...)
	all.TokenLogprobs = append(all.TokenLogprobs, piece.TokenLogprobs...)
	all.TopLogprobs = append(all.TopLogprobs, piece.TopLogprobs...)
	all.TextOffset = append(all.TextOffset, piece.TextOffset...)
	return piece
}

// legacyToken writes a token that is a part of a character with this endpoint's prefix.
func legacyToken(token string, bytes []int) string {
	raw := make([]byte, len(bytes))
	for i, b := range bytes {
		raw[i] = byte(b)
	}
	if utf8.Valid(raw) {
		return token
	}
	return "bytes:" + token
}

// whole collects the events and answers with one object.
func (c *completionAnswer) whole(w http.ResponseWriter, events iter.Seq2[upstream.Event, error]) error {
	for event, err := range events {
		if err != nil {
			return err
		}
		c.take(event)
	}
	answer := c.object()
	for i := range c.choices {
		choice := &c.choices[i]
		answer.Choices = append(answer.Choices, openai.CompletionChoice{
			Text: choice.text.String(), Index: i, Logprobs: choice.logprobs, FinishReason: &choice.finish,
		})
	}
	answer.Usage = &c.usage
	return writeJSON(w, http.StatusOK, answer)
}

// stream sends the events as they come, as chatAnswer.stream does.
func (c *completionAnswer) stream(w http.ResponseWriter, r *http.Request, events iter.Seq2[upstream.Event, error]) error {
	s := newStream(w, r)
	for event, err := range events {
		if err != nil {
			return err
		}
		text, logprobs := c.take(event)
		choice := openai.CompletionChoice{Text: text, Index: event.Choice, Logprobs: logprobs}
		if event.FinishReason != "" {
			choice.FinishReason = &event.FinishReason
		}
		chunk := c.object()
		chunk.Choices = append(chunk.Choices, choice)
		if err := s.Send(chunk); err != nil {
			return err
		}
		c.choices[event.Choice].text.Reset()
		c.choices[event.Choice].logprobs = nil
	}
	if c.req.StreamOptions != nil && number(c.req.StreamOptions.IncludeUsage, false) {
		last := c.object()
		last.Usage = &c.usage
		if err := s.Queue(last); err != nil {
			return err
		}
	}
	return s.Done()
}

func (c *completionAnswer) object() openai.Completion {
	return openai.Completion{
		ID: c.id, Object: "text_completion", Created: c.created, Model: c.req.Model,
		Choices: []openai.CompletionChoice{}, SystemFingerprint: c.fingerprint,
	}
}
