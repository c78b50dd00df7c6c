package openai

import (
	"bytes"
	"encoding/json"
	"errors"
)

// CompletionRequest is the body of POST /v1/completions.
type CompletionRequest struct {
	Model            string             `json:"model"`
	Prompt           Prompts            `json:"prompt"`
	Suffix           *string            `json:"suffix"`
	MaxTokens        *int               `json:"max_tokens"`
	Temperature      *float64           `json:"temperature"`
	TopP             *float64           `json:"top_p"`
	N                *int               `json:"n"`
	BestOf           *int               `json:"best_of"`
	Stream           *bool              `json:"stream"`
	StreamOptions    *StreamOptions     `json:"stream_options"`
	Logprobs         *int               `json:"logprobs"`
	Echo             *bool              `json:"echo"`
	Stop             Stop               `json:"stop"`
	PresencePenalty  *float64           `json:"presence_penalty"`
	FrequencyPenalty *float64           `json:"frequency_penalty"`
	LogitBias        map[string]float64 `json:"logit_bias"`
	Seed             *int64             `json:"seed"`
	User             string             `json:"user"`
}

// Prompts is a string, a list of strings, a list of tokens, or a list of token lists on the wire. Each entry is one
// prompt; an absent or null prompt leaves it empty.
type Prompts []Prompt

// Prompt is text, or tokens when Tokens is not nil.
type Prompt struct {
	Text   string
	Tokens []int
}

// UnmarshalJSON takes all four forms and null.
func (p *Prompts) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if bytes.Equal(data, []byte("null")) {
		*p = nil
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		*p = Prompts{{Text: text}}
		return nil
	}
	var texts []string
	if json.Unmarshal(data, &texts) == nil {
		*p = make(Prompts, len(texts))
		for i, t := range texts {
			(*p)[i].Text = t
		}
		return nil
	}
	var tokens []int
	if json.Unmarshal(data, &tokens) == nil {
		*p = Prompts{{Tokens: tokens}}
		return nil
	}
	var lists [][]int
	if json.Unmarshal(data, &lists) == nil {
		*p = make(Prompts, len(lists))
		for i, t := range lists {
			(*p)[i].Tokens = t
		}
		return nil
	}
	return errors.New("expected a string, a list of strings, a list of integers or a list of lists of integers")
}

// Completion is the answer of POST /v1/completions, and each event of a streamed one.
type Completion struct {
	ID                string             `json:"id"`
	Object            string             `json:"object"` // "text_completion", chunks too
	Created           int64              `json:"created"`
	Model             string             `json:"model"`
	Choices           []CompletionChoice `json:"choices"`
	Usage             *Usage             `json:"usage,omitempty"` // of a stream in its last event alone, when the request asked for it
	SystemFingerprint string             `json:"system_fingerprint"`
}

// CompletionChoice is one text; choices are ordered prompt by prompt.
type CompletionChoice struct {
	Text         string              `json:"text"`
	Index        int                 `json:"index"`
	Logprobs     *CompletionLogprobs `json:"logprobs"`
	FinishReason *string             `json:"finish_reason"`
}

// CompletionLogprobs is the older shape of log probabilities: parallel lists.
type CompletionLogprobs struct {
	Tokens        []string             `json:"tokens"`
	TokenLogprobs []*float64           `json:"token_logprobs"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs"`
	TextOffset    []int                `json:"text_offset"`
}
