package httpapi

import (
	"encoding/json"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/upstream"
	"github.com/everpoint/everpoint/openai"
)

// createChatCompletion answers a conversation, whole or as a stream.
func (a *API) createChatCompletion(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[openai.ChatCompletionRequest](a, r, "createChatCompletion")
	if err != nil {
		return err
	}
	target, err := a.route(w, r, req.Model, upstream.KindChat)
	if err != nil {
		return err
	}
	if err := checkChatRequest(req); err != nil {
		return err
	}
	format, err := parseResponseFormat(req.ResponseFormat)
	if err != nil {
		return err
	}
	messages, err := chatMessages(req.Messages)
	if err != nil {
		return err
	}
	if err := format.prepare(&messages); err != nil {
		return err
	}
	events := a.upstream.Chat(r.Context(), target, upstream.ChatRequest{
		Messages: messages, N: number(req.N, 1), Grammar: format.grammar,
		Sampling: upstream.Sampling{
			Temperature: req.Temperature, TopP: req.TopP,
			PresencePenalty: req.PresencePenalty, FrequencyPenalty: req.FrequencyPenalty,
			LogitBias: req.LogitBias, Seed: req.Seed, Stop: req.Stop,
			MaxTokens: number(req.MaxCompletionTokens, number(req.MaxTokens, 0)),
			Logprobs:  number(req.Logprobs, false), TopLogprobs: number(req.TopLogprobs, 0),
		},
	})
	answer := chatAnswer{
		req: req, format: format, id: newID("chatcmpl-", 29), created: time.Now().Unix(),
		fingerprint: target.SystemFingerprint(), choices: make([]chatChoice, number(req.N, 1)),
	}
	if number(req.Stream, false) {
		return answer.stream(w, r, events)
	}
	return answer.whole(w, events)
}

// checkChatRequest holds the vendor's rules between parameters, and says which parameters local models lack. Rules for
// single parameters are the contract's and have been checked.
func checkChatRequest(req *openai.ChatCompletionRequest) error {
	for _, p := range []struct {
		name  string
		value json.RawMessage
	}{{"tools", req.Tools}, {"tool_choice", req.ToolChoice}, {"functions", req.Functions}, {"function_call", req.FunctionCall}} {
		if given(p.value) {
			return apierror.NotImplementedf(p.name, "'%s' is not supported yet: function calling comes in a later version. Leave the parameter out.", p.name)
		}
	}
	switch {
	case req.MaxTokens != nil && req.MaxCompletionTokens != nil:
		return apierror.Invalidf("max_tokens", "invalid_parameter_combination", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
	case number(req.MaxTokens, 1) < 1:
		return belowOne("max_tokens", *req.MaxTokens)
	case number(req.MaxCompletionTokens, 1) < 1:
		return belowOne("max_completion_tokens", *req.MaxCompletionTokens)
	case req.TopLogprobs != nil && !number(req.Logprobs, false):
		return apierror.Invalidf("top_logprobs", "", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")
	case req.StreamOptions != nil && !number(req.Stream, false):
		return apierror.Invalidf("stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case number(req.Store, false):
		return apierror.NotImplementedf("store", "'store' is not supported yet: stored completions come in a later version. Leave the parameter out.")
	case len(req.Metadata) > 0:
		return apierror.Invalidf("metadata", "", "The 'metadata' parameter is only allowed when 'store' is enabled.")
	case given(req.Audio):
		return unsupported("audio")
	case given(req.WebSearchOptions):
		return unsupported("web_search_options")
	case number(req.ReasoningEffort, "none") != "none":
		return unsupported("reasoning_effort")
	case number(req.Verbosity, "medium") != "medium":
		return unsupported("verbosity")
	case !number(req.ParallelToolCalls, true):
		return apierror.Invalidf("parallel_tool_calls", "", "'parallel_tool_calls' is only allowed when 'tools' are specified.")
	}
	for _, m := range req.Modalities {
		if m != "text" {
			return apierror.Invalidf("modalities", "invalid_value", "Invalid value: '%s'. This model supports only the modality 'text'.", m)
		}
	}
	switch tier := number(req.ServiceTier, "auto"); tier {
	case "auto", "default":
		return nil
	default:
		return apierror.Invalidf("service_tier", "invalid_value", "Invalid service_tier argument: '%s' is not supported with this model. Use 'auto' or 'default'.", tier)
	}
}

func belowOne(param string, got int) error {
	return apierror.Invalidf(param, "integer_below_min_value", "Invalid '%s': integer below minimum value. Expected a value >= 1, but got %d instead.", param, got)
}

// given tells whether an optional value is there and not null.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// chatMessages turns the messages into plain text for a text model. A name is written in front of the text, as the
// only way in which such a model can see it.
func chatMessages(list []openai.ChatMessage) ([]upstream.Message, error) {
	messages := make([]upstream.Message, len(list))
	for i, m := range list {
		role := m.Role
		switch role {
		case "developer":
			role = "system" // the newer word for the same thing
		case "tool", "function":
			return nil, apierror.NotImplementedf(index("messages", i)+".role", "Messages with the role '%s' are not supported yet: function calling comes in a later version.", role)
		}
		if given(m.ToolCalls) && string(m.ToolCalls) != "[]" {
			return nil, apierror.NotImplementedf(index("messages", i)+".tool_calls", "'tool_calls' are not supported yet: function calling comes in a later version.")
		}
		text, err := contentText(m, i)
		if err != nil {
			return nil, err
		}
		if m.Name != "" {
			text = m.Name + ": " + text
		}
		messages[i] = upstream.Message{Role: role, Text: text}
	}
	return messages, nil
}

// contentText joins the text of a message's parts by line breaks.
func contentText(m openai.ChatMessage, i int) (string, error) {
	if m.Content.Parts == nil {
		if m.Content.Text == "" && m.Refusal != nil {
			return *m.Refusal, nil // an answer of ours that came back in the history
		}
		if m.Content.Null && m.Role != "assistant" {
			return "", apierror.Invalidf(index("messages", i)+".content", "invalid_type", "Invalid value for 'content': expected a string, got null.")
		}
		return m.Content.Text, nil
	}
	texts := make([]string, 0, len(m.Content.Parts))
	for j, part := range m.Content.Parts {
		switch part.Type {
		case "text":
			texts = append(texts, part.Text)
		case "refusal":
			texts = append(texts, part.Refusal)
		default:
			return "", apierror.Invalidf(index(index("messages", i)+".content", j)+".type", "", "Invalid content type. %s is only supported by certain models.", part.Type)
		}
	}
	return strings.Join(texts, "\n"), nil
}

// chatAnswer puts an engine's events into the vendor's shapes.
type chatAnswer struct {
	req         *openai.ChatCompletionRequest
	format      responseFormat
	id          string
	created     int64
	fingerprint string
	choices     []chatChoice
	usage       openai.Usage
}

// chatChoice is one answer as far as it has come.
type chatChoice struct {
	text     strings.Builder
	logprobs []openai.TokenLogprob
	finish   string
	started  bool
}

// take adds an event to its choice and to the usage. A finished answer that breaks the response format is an error.
func (c *chatAnswer) take(event upstream.Event) (*chatChoice, error) {
	choice := &c.choices[event.Choice]
	choice.text.WriteString(event.Text)
	choice.logprobs = append(choice.logprobs, event.Logprobs...)
	if event.FinishReason == "" {
		return choice, nil
	}
	choice.finish = event.FinishReason
	addUsage(&c.usage, event, event.PromptTokens) // all choices share one prompt
	if event.FinishReason == "stop" {
		return choice, c.format.check(choice.text.String())
	}
	return choice, nil
}

// addUsage counts a finished choice; prompt is what the prompt's tokens are known to be in all.
func addUsage(u *openai.Usage, event upstream.Event, prompt int) {
	u.PromptTokens = prompt
	u.CompletionTokens += event.CompletionTokens
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	if u.PromptTokensDetails == nil {
		u.PromptTokensDetails, u.CompletionTokensDetails = &openai.PromptTokensDetails{}, &openai.CompletionTokensDetails{}
	}
	u.PromptTokensDetails.CachedTokens = min(max(u.PromptTokensDetails.CachedTokens, event.CachedTokens), prompt)
}

// whole collects the events and answers with one object.
func (c *chatAnswer) whole(w http.ResponseWriter, events iter.Seq2[upstream.Event, error]) error {
	for event, err := range events {
		if err != nil {
			return err
		}
		if _, err := c.take(event); err != nil {
			return err
		}
	}
	answer := openai.ChatCompletion{
		ID: c.id, Object: "chat.completion", Created: c.created, Model: c.req.Model,
		Choices: make([]openai.ChatChoice, len(c.choices)), Usage: c.usage, SystemFingerprint: c.fingerprint,
	}
	for i := range c.choices {
		text := c.choices[i].text.String()
		answer.Choices[i] = openai.ChatChoice{
			Index: i, Message: openai.AssistantAnswer{Role: "assistant", Content: &text},
			Logprobs: c.logprobs(c.choices[i].logprobs), FinishReason: c.choices[i].finish,
		}
	}
	return writeJSON(w, http.StatusOK, answer)
}

// logprobs gives null unless they were asked for.
func (c *chatAnswer) logprobs(list []openai.TokenLogprob) *openai.ChatLogprobs {
	if !number(c.req.Logprobs, false) {
		return nil
	}
	if list == nil {
		list = []openai.TokenLogprob{}
	}
	return &openai.ChatLogprobs{Content: list}
}

// stream sends the events as they come. Nothing is written before the first of them, so that a failure until then still
// has a status of its own. The shapes are those of wire-facts 5.
func (c *chatAnswer) stream(w http.ResponseWriter, r *http.Request, events iter.Seq2[upstream.Event, error]) error {
	s := newStream(w, r)
	for event, err := range events {
		if err != nil {
			return err
		}
		choice, formatErr := c.take(event)
		if !choice.started {
			choice.started = true
			start := openai.ChatDeltaStart{Role: "assistant", Content: new(string)}
			if err := s.Queue(c.chunk(event.Choice, start, c.logprobs(nil), nil)); err != nil {
				return err
			}
		}
		if event.Text != "" || len(event.Logprobs) > 0 {
			if err := s.Send(c.chunk(event.Choice, openai.ChatDelta{Content: event.Text}, c.logprobsOf(event), nil)); err != nil {
				return err
			}
		}
		if formatErr != nil {
			return formatErr
		}
		if event.FinishReason != "" {
			send := s.Send
			if len(c.choices) == 1 {
				send = s.Queue // the end of the stream follows
			}
			if err := send(c.chunk(event.Choice, struct{}{}, nil, &event.FinishReason)); err != nil {
				return err
			}
		}
		if !c.format.strictText() {
			choice.text.Reset() // only checked formats need the text again
		}
		choice.logprobs = nil
	}
	if c.req.StreamOptions != nil && number(c.req.StreamOptions.IncludeUsage, false) {
		// The contract's text has a null usage on the other chunks, the recorded streams have none there (wire-facts 15.6).
		last := c.chunk(0, nil, nil, nil)
		last.Choices, last.Usage = []openai.ChatChunkChoice{}, &c.usage
		if err := s.Queue(last); err != nil {
			return err
		}
	}
	return s.Done()
}

func (c *chatAnswer) logprobsOf(event upstream.Event) *openai.ChatLogprobs {
	if len(event.Logprobs) == 0 {
		return nil
	}
	return c.logprobs(event.Logprobs)
}

func (c *chatAnswer) chunk(choice int, delta any, logprobs *openai.ChatLogprobs, finish *string) openai.ChatCompletionChunk {
	chunk := openai.ChatCompletionChunk{
		ID: c.id, Object: "chat.completion.chunk", Created: c.created, Model: c.req.Model, SystemFingerprint: c.fingerprint,
		Choices: []openai.ChatChunkChoice{{Index: choice, Delta: delta, Logprobs: logprobs, FinishReason: finish}},
	}
	if c.req.StreamOptions != nil && number(c.req.StreamOptions.IncludeObfuscation, false) {
		chunk.Obfuscation = newID("", 1+len(c.id)%16)
	}
	return chunk
}
