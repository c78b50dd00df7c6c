package fakeengine

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// request is what the endpoints for text take, as far as a script can care.
type request struct {
	Model         string          `json:"model"`
	Messages      []message       `json:"messages"`
	Prompt        json.RawMessage `json:"prompt"` // a string or tokens
	InputPrefix   string          `json:"input_prefix"`
	InputSuffix   string          `json:"input_suffix"`
	Stream        bool            `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens   *int            `json:"max_tokens"`
	NPredict    *int            `json:"n_predict"`
	Stop        json.RawMessage `json:"stop"`     // a string or a list
	Logprobs    json.RawMessage `json:"logprobs"` // a bool for chat, a number for completions
	TopLogprobs int             `json:"top_logprobs"`
}

type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// text joins the text of a message, which is a string, null or a list of parts.
func (m message) text() (string, error) {
	switch {
	case len(m.Content) == 0:
		if m.Role != "assistant" {
			return "", errors.New("All non-assistant messages must contain 'content'") //nolint:staticcheck // the engine's wording
		}
		return "", nil
	case m.Content[0] == '"':
		var s string
		err := json.Unmarshal(m.Content, &s)
		return s, err
	case m.Content[0] == '[':
		var parts []struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(m.Content, &parts); err != nil {
			return "", err
		}
		var b strings.Builder
		for _, p := range parts {
			b.WriteString(p.Text)
		}
		return b.String(), nil
	}
	return "", nil
}

// tops is the number of likeliest tokens that are asked for; -1 when no log probabilities are.
func (q *request) tops(k kind) int {
	n := q.TopLogprobs
	if k == completion {
		n = 0
		if len(q.Logprobs) > 0 && json.Unmarshal(q.Logprobs, &n) != nil {
			return -1
		}
	} else if !bytes.Equal(q.Logprobs, []byte("true")) {
		return -1
	}
	if n <= 0 {
		return -1 // like the real engine, which tells none at all for 0
	}
	return n
}

// stops are the strings that end an answer.
func (q *request) stops() []string {
	if len(q.Stop) == 0 {
		return nil
	}
	var list []string
	if json.Unmarshal(q.Stop, &list) == nil {
		return list
	}
	var one string
	if json.Unmarshal(q.Stop, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}

// limit is the number of tokens that the answer may have; negative when only the context ends it.
func (q *request) limit() int {
	for _, n := range []*int{q.MaxTokens, q.NPredict} {
		if n != nil && *n == 0 {
			return 1 // like the real engine
		}
		if n != nil && *n > 0 {
			return *n
		}
	}
	return -1
}

// inputs are the prompts or the texts to embed: a string, tokens, or a list of either.
func (e *Engine) inputs(raw json.RawMessage) (texts []string, tokens []int, err error) {
	add := func(text string, n int) {
		texts, tokens = append(texts, text), append(tokens, n)
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		err := json.Unmarshal(raw, &s)
		add(s, count(s))
		return texts, tokens, err
	}
	var one []int
	if json.Unmarshal(raw, &one) == nil && len(one) > 0 {
		add(e.text(one), len(one))
		return texts, tokens, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, nil, err
	}
	for _, item := range list {
		var s string
		var ids []int
		switch {
		case json.Unmarshal(item, &s) == nil:
			add(s, count(s))
		case json.Unmarshal(item, &ids) == nil:
			add(e.text(ids), len(ids))
		default:
			return nil, nil, errors.New("expected strings or lists of integers")
		}
	}
	return texts, tokens, nil
}
