package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// httpClient has no limit of time: an answer takes as long as its tokens take.
var httpClient = &http.Client{}

// client asks the server for the reply of a case.
type client struct{ options }

// warmUp asks for one token, so that pulling and loading the model is not part of the first case.
func (c *client) warmUp(ctx context.Context) error {
	body := map[string]any{"model": c.model, "max_tokens": 1, "messages": []any{map[string]any{"role": "user", "content": "Hi"}}}
	resp, err := c.post(ctx, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("the server does not answer: %s: %s", resp.Status, text)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (c *client) post(ctx context.Context, body any) (*http.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/chat/completions", bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return httpClient.Do(req)
}

// ask sends a case and judges its reply. The error says that there was no server to ask.
func (c *client) ask(ctx context.Context, t testCase) (result, error) {
	r := result{testCase: t}
	format := map[string]any{"type": "json_object"}
	if t.Mode != "object" {
		format = map[string]any{"type": "json_schema", "json_schema": map[string]any{
			"name": "reply", "schema": t.Schema, "strict": t.Mode == "strict",
		}}
	}
	body := map[string]any{
		"model": c.model, "temperature": t.Temperature, "seed": c.seed, "max_tokens": c.maxTokens, "response_format": format,
		"messages": []any{map[string]any{"role": "user", "content": t.Prompt}},
	}
	if t.Stream {
		body["stream"], body["stream_options"] = true, map[string]any{"include_usage": true}
	}
	resp, err := c.post(ctx, body)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		r.Fault = fmt.Sprintf("%s: %s", resp.Status, text)
		return r, nil
	}
	var finish string
	if t.Stream {
		finish, err = r.readStream(resp.Body)
	} else {
		finish, err = r.readWhole(resp.Body)
	}
	switch {
	case err != nil:
		r.Fault = err.Error()
	case finish != "stop":
		r.Fault = "finish_reason is " + finish
	default:
		if err := valid(t.Schema, r.Reply); err != nil {
			r.Fault = err.Error()
		}
	}
	return r, nil
}

// reply is as much of an answer or of a chunk as is judged.
type reply struct {
	Choices []struct {
		Message      struct{ Content string } `json:"message"`
		Delta        struct{ Content string } `json:"delta"`
		FinishReason string                   `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		CompletionTokens int `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

func (r *result) readWhole(body io.Reader) (finish string, err error) {
	var a reply
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		return "", err
	}
	if len(a.Choices) != 1 || a.Usage == nil {
		return "", errors.New("the answer has not one choice and its usage")
	}
	r.Reply, r.tokens = a.Choices[0].Message.Content, a.Usage.CompletionTokens
	return a.Choices[0].FinishReason, nil
}

func (r *result) readStream(body io.Reader) (finish string, err error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var text strings.Builder
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		r.Reply = text.String()
		if data == "[DONE]" {
			return finish, nil
		}
		var a reply
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			return "", err
		}
		if a.Error != nil {
			return "", fmt.Errorf("error event: %s", a.Error)
		}
		if a.Usage != nil {
			r.tokens = a.Usage.CompletionTokens
		}
		for _, choice := range a.Choices {
			text.WriteString(choice.Delta.Content)
			if choice.FinishReason != "" {
				finish = choice.FinishReason
			}
		}
	}
	return "", errors.Join(lines.Err(), errors.New("the stream ended without [DONE]"))
}

// valid checks a reply with the library alone, not with the server's own use of it. No schema is json_object mode.
func valid(schema json.RawMessage, text string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if schema == nil {
		if _, ok := value.(map[string]any); !ok {
			return errors.New("not a JSON object")
		}
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:case", doc); err != nil {
		return err
	}
	compiled, err := c.Compile("mem:case")
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}
