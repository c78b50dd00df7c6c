package openai

import (
	"bytes"
	"encoding/json"
)

// ChatCompletionRequest is the body of POST /v1/chat/completions. A null is the same as an absent field (wire-facts 8).
type ChatCompletionRequest struct {
	Model               string             `json:"model"`
	Messages            []ChatMessage      `json:"messages"`
	Temperature         *float64           `json:"temperature"`
	TopP                *float64           `json:"top_p"`
	N                   *int               `json:"n"`
	Stream              *bool              `json:"stream"`
	StreamOptions       *StreamOptions     `json:"stream_options"`
	Stop                Stop               `json:"stop"`
	MaxTokens           *int               `json:"max_tokens"`
	MaxCompletionTokens *int               `json:"max_completion_tokens"`
	PresencePenalty     *float64           `json:"presence_penalty"`
	FrequencyPenalty    *float64           `json:"frequency_penalty"`
	LogitBias           map[string]float64 `json:"logit_bias"`
	Logprobs            *bool              `json:"logprobs"`
	TopLogprobs         *int               `json:"top_logprobs"`
	Seed                *int64             `json:"seed"`
	ResponseFormat      *ResponseFormat    `json:"response_format"`
	User                string             `json:"user"`
	Store               *bool              `json:"store"`
	Metadata            map[string]string  `json:"metadata"`
	Tools               json.RawMessage    `json:"tools"`
	ToolChoice          json.RawMessage    `json:"tool_choice"`
	ParallelToolCalls   *bool              `json:"parallel_tool_calls"`
	Functions           json.RawMessage    `json:"functions"`
	FunctionCall        json.RawMessage    `json:"function_call"`
	Modalities          []string           `json:"modalities"`
	Audio               json.RawMessage    `json:"audio"`
	Prediction          json.RawMessage    `json:"prediction"`
	ReasoningEffort     *string            `json:"reasoning_effort"`
	ServiceTier         *string            `json:"service_tier"`
	Verbosity           *string            `json:"verbosity"`
	WebSearchOptions    json.RawMessage    `json:"web_search_options"`
}

// StreamOptions are honoured only together with stream.
type StreamOptions struct {
	IncludeUsage       *bool `json:"include_usage"`
	IncludeObfuscation *bool `json:"include_obfuscation"`
}

// ResponseFormat asks for text, any JSON object, or JSON by a schema.
type ResponseFormat struct {
	Type       string      `json:"type"` // text, json_object or json_schema
	JSONSchema *JSONSchema `json:"json_schema"`
}

// JSONSchema is the named schema of a json_schema response format.
type JSONSchema struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Strict      *bool           `json:"strict"`
}

// Stop is up to four stop sequences: a string or a list of strings on the wire.
type Stop []string

// UnmarshalJSON takes null, a string or a list.
func (s *Stop) UnmarshalJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case bytes.Equal(data, []byte("null")):
		*s = nil
		return nil
	case len(data) > 0 && data[0] == '"':
		var one string
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		*s = Stop{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// ChatMessage is one turn of the conversation that a client sends.
type ChatMessage struct {
	Role       string          `json:"role"` // developer, system, user, assistant, tool or function
	Content    MessageContent  `json:"content"`
	Name       string          `json:"name,omitempty"`
	Refusal    *string         `json:"refusal,omitempty"`
	ToolCalls  json.RawMessage `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

// MessageContent is null, a string or a list of parts on the wire. Parts is nil for the first two; Null tells them apart.
type MessageContent struct {
	Null  bool
	Text  string
	Parts []ContentPart
}

// ContentPart is one piece of a message's content.
type ContentPart struct {
	Type     string          `json:"type"` // text, refusal, image_url, input_audio or file
	Text     string          `json:"text,omitempty"`
	Refusal  string          `json:"refusal,omitempty"`
	ImageURL json.RawMessage `json:"image_url,omitempty"`
}

// UnmarshalJSON takes null, a string or a list of parts.
func (c *MessageContent) UnmarshalJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case bytes.Equal(data, []byte("null")):
		*c = MessageContent{Null: true}
		return nil
	case len(data) > 0 && data[0] == '"':
		*c = MessageContent{}
		return json.Unmarshal(data, &c.Text)
	}
	*c = MessageContent{}
	return json.Unmarshal(data, &c.Parts)
}

// MarshalJSON writes the form that was read.
func (c MessageContent) MarshalJSON() ([]byte, error) {
	switch {
	case c.Null:
		return []byte("null"), nil
	case c.Parts != nil:
		return json.Marshal(c.Parts)
	}
	return json.Marshal(c.Text)
}

// ChatCompletion is the answer of POST /v1/chat/completions; the order of its keys is that of real answers (wire-facts 8).
type ChatCompletion struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"` // "chat.completion"
	Created           int64        `json:"created"`
	Model             string       `json:"model"`
	Choices           []ChatChoice `json:"choices"`
	Usage             Usage        `json:"usage"`
	SystemFingerprint string       `json:"system_fingerprint"`
}

// ChatChoice is one of the n answers.
type ChatChoice struct {
	Index        int             `json:"index"`
	Message      AssistantAnswer `json:"message"`
	Logprobs     *ChatLogprobs   `json:"logprobs"`
	FinishReason string          `json:"finish_reason"`
}

// AssistantAnswer is the message of a ChatChoice.
type AssistantAnswer struct {
	Role    string  `json:"role"` // "assistant"
	Content *string `json:"content"`
	Refusal *string `json:"refusal"`
}

// ChatLogprobs holds a TokenLogprob for each token of the answer.
type ChatLogprobs struct {
	Content []TokenLogprob `json:"content"`
	Refusal []TokenLogprob `json:"refusal"`
}

// TokenLogprob is a token, its log probability and the likeliest tokens at its place.
type TokenLogprob struct {
	Token       string       `json:"token"`
	Logprob     float64      `json:"logprob"`
	Bytes       []int        `json:"bytes"`
	TopLogprobs []TopLogprob `json:"top_logprobs"`
}

// TopLogprob is one of the likeliest tokens at a place.
type TopLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// ChatCompletionChunk is one event of a streamed answer.
type ChatCompletionChunk struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"` // "chat.completion.chunk"
	Created           int64             `json:"created"`
	Model             string            `json:"model"`
	SystemFingerprint string            `json:"system_fingerprint"`
	Choices           []ChatChunkChoice `json:"choices"`
	Usage             *Usage            `json:"usage,omitempty"` // in the last chunk alone, when the request asked for it
	Obfuscation       string            `json:"obfuscation,omitempty"`
}

// ChatChunkChoice carries the next piece of one answer.
type ChatChunkChoice struct {
	Index        int           `json:"index"`
	Delta        any           `json:"delta"` // ChatDeltaStart, ChatDelta or, at the end, an empty struct
	Logprobs     *ChatLogprobs `json:"logprobs"`
	FinishReason *string       `json:"finish_reason"`
}

// ChatDeltaStart is the first delta of an answer (wire-facts 5).
type ChatDeltaStart struct {
	Role    string  `json:"role"`
	Content *string `json:"content"`
	Refusal *string `json:"refusal"`
}

// ChatDelta is a later delta.
type ChatDelta struct {
	Content string `json:"content"`
}
