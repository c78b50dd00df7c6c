package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/everpoint/everpoint/internal/contract/contracttest"
	"github.com/everpoint/everpoint/internal/fakeengine"
	"github.com/everpoint/everpoint/internal/upstream"
)

// newModelServer serves the API in front of a scripted engine that answers to every default name. Its context has 1000
// tokens, for embeddings 16.
func newModelServer(t *testing.T, script fakeengine.Script) (*testServer, *fakeengine.Engine) {
	t.Helper()
	script.Context = 1000
	engine := fakeengine.New(script)
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	u := upstream.New(upstream.Options{
		Names: map[string]upstream.Name{
			"chat":  {URL: server.URL, Kind: upstream.KindChat, Context: 1000},
			"embed": {URL: server.URL, Kind: upstream.KindEmbedding, Context: 16},
		},
		Chat: "chat", Embedding: "embed", Logger: slog.New(slog.DiscardHandler),
	})
	return newTestServer(t, Options{Upstream: u}), engine
}

// runPosts completes rows that all go to one path, and checks each good answer against the contract.
func runPosts(t *testing.T, s *testServer, path string, rows []scenario) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			row.method, row.path = http.MethodPost, path
			body := row.run(t, s.URL)
			if row.status == http.StatusOK && !bytes.HasPrefix(body, []byte("data: ")) {
				contracttest.Validate(t, http.MethodPost, strings.TrimPrefix(path, "/v1"), row.status, http.Header{"Content-Type": {"application/json"}}, body)
			}
		})
	}
}

func TestCreateChatCompletion(t *testing.T) {
	s, _ := newModelServer(t, fakeengine.Script{Rules: []fakeengine.Rule{
		{Contains: "json", Reply: `{"a": 1}`}, {Contains: "prose", Reply: "no object"}, {Reply: "one two three"},
	}})
	const user = `"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]`
	const asks = `"model":"gpt-4o-mini","messages":[{"role":"user","content":"some json, please"}]`
	const strict = `"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":`
	const object = `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}`
	runPosts(t, s, "/v1/chat/completions", []scenario{
		{name: "plain", body: `{` + user + `}`, status: 200, headers: map[string]string{"X-Everpoint-Target": "chat"},
			has: []string{`{"id":"chatcmpl-`, `"object":"chat.completion"`, `"model":"gpt-4o-mini"`,
				`"choices":[{"index":0,"message":{"role":"assistant","content":"one two three","refusal":null},"logprobs":null,"finish_reason":"stop"}]`,
				`"completion_tokens":3`, `"system_fingerprint":"fp_`}},
		{name: "everything null", body: `{` + user + `,"temperature":null,"top_p":null,"n":null,"stream":null,"stop":null,"max_tokens":null,"tools":null,"tool_choice":null,
			"functions":null,"function_call":null,"logprobs":null,"top_logprobs":null,"seed":null,"response_format":null,"user":null,"logit_bias":null,"store":null,"metadata":null,"stream_options":null}`,
			status: 200, has: []string{"one two three"}},
		{name: "a whole number written as a decimal", body: `{` + user + `,"n":2.0,"seed":1e2}`, status: 200, has: []string{`"index":1`}},
		{name: "three answers", body: `{` + user + `,"n":3}`, status: 200, has: []string{`"index":2`, `"completion_tokens":9`}},
		{name: "stop string", body: `{` + user + `,"stop":"three"}`, status: 200, has: []string{`"content":"one two `, `"finish_reason":"stop"`}, hasNot: []string{"three"}},
		{name: "length", body: `{` + user + `,"max_completion_tokens":2}`, status: 200, has: []string{`"content":"one two"`, `"finish_reason":"length"`, `"completion_tokens":2`}},
		{name: "logprobs", body: `{` + user + `,"logprobs":true,"top_logprobs":2}`, status: 200, has: []string{`"logprobs":{"content":[{"token":"one","logprob":`, `"top_logprobs":[{"token":`}},
		{name: "hints have no effect", body: `{` + user + `,"user":"u","prompt_cache_key":"k","safety_identifier":"s","service_tier":"auto","modalities":["text"],"prediction":{"type":"content","content":"x"}}`, status: 200},
		{name: "an answer of ours in the history", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":null,"parsed":null},{"role":"user","content":"c","name":"ann"}]}`, status: 200},
		{name: "json_object", body: `{` + asks + `,"response_format":{"type":"json_object"}}`, status: 200, has: []string{`"content":"{\"a\": 1}"`}},
		{name: "json_object without the word", body: `{` + user + `,"response_format":{"type":"json_object"}}`, status: 400,
			has: []string{`'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.`, `"param":"messages"`}},
		{name: "strict schema", body: `{` + asks + `,` + strict + object + `}}}`, status: 200},
		{name: "answer breaks the schema", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"prose"}],` + strict + object + `}}}`, status: 502, has: []string{"does not satisfy the response_format"}},
		{name: "schema that is not strict", body: `{` + asks + `,` + strict + `{"type":"object"}}}}`, status: 400,
			has: []string{`Invalid schema for response_format 'n': In context=(), 'additionalProperties' is required to be supplied and to be false.`, `"code":"invalid_json_schema"`}},
		{name: "broken schema", body: `{` + asks + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"nonsense"}}}}`, status: 400, has: []string{`"code":"invalid_json_schema"`}},
		{name: "bad schema name", body: `{` + asks + `,"response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}}}`, status: 400, has: []string{"response_format.json_schema.name"}},
		{name: "no messages", body: `{"model":"gpt-4o"}`, status: 400, has: []string{"Missing required parameter: 'messages'.", `"code":"missing_required_parameter"`}},
		{name: "empty messages", body: `{"model":"gpt-4o","messages":[]}`, status: 400, has: []string{`"param":"messages"`, `"code":"empty_array"`}},
		{name: "no model", body: `{"messages":[{"role":"user","content":"x"}]}`, status: 400, has: []string{"you must provide a model parameter"}},
		{name: "hot", body: `{` + user + `,"temperature":3}`, status: 400, has: []string{`"code":"decimal_above_max_value"`, `"param":"temperature"`}},
		{name: "wrong type", body: `{` + user + `,"temperature":"x"}`, status: 400, has: []string{`"code":"invalid_type"`}},
		{name: "wrong role", body: `{"model":"gpt-4o","messages":[{"role":"robot","content":"x"}]}`, status: 400, has: []string{`"param":"messages[0].role"`, `"code":"invalid_value"`}},
		{name: "unknown model", body: `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, status: 404, has: []string{`"code":"model_not_found"`}},
		{name: "model of another kind", body: `{"model":"text-davinci-003","messages":[{"role":"user","content":"x"}]}`, status: 404, has: []string{"This is not a chat model"}},
		{name: "both limits", body: `{` + user + `,"max_tokens":1,"max_completion_tokens":1}`, status: 400, has: []string{"invalid_parameter_combination"}},
		{name: "no tokens", body: `{` + user + `,"max_tokens":0}`, status: 400, has: []string{`"code":"integer_below_min_value"`}},
		{name: "tops without logprobs", body: `{` + user + `,"top_logprobs":2}`, status: 400, has: []string{"only allowed when 'logprobs' is enabled"}},
		{name: "stream options without stream", body: `{` + user + `,"stream_options":{"include_usage":true}}`, status: 400, has: []string{"only allowed when 'stream' is enabled"}},
		{name: "five stops", body: `{` + user + `,"stop":["a","b","c","d","e"]}`, status: 400, has: []string{`"param":"stop"`}},
		{name: "tools", body: `{` + user + `,"tools":[{"type":"function","function":{"name":"f"}}]}`, status: 501, has: []string{`"param":"tools"`}},
		{name: "functions", body: `{` + user + `,"functions":[{"name":"f"}]}`, status: 501, has: []string{`"param":"functions"`}},
		{name: "store", body: `{` + user + `,"store":true}`, status: 501, has: []string{`"param":"store"`}},
		{name: "metadata without store", body: `{` + user + `,"metadata":{"a":"b"}}`, status: 400, has: []string{"only allowed when 'store' is enabled"}},
		{name: "reasoning", body: `{` + user + `,"reasoning_effort":"high"}`, status: 400, has: []string{`"code":"unsupported_parameter"`}},
		{name: "web search", body: `{` + user + `,"web_search_options":{}}`, status: 400, has: []string{`"param":"web_search_options"`}},
		{name: "picture", body: `{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"https://e.example/x.png"}}]}]}`, status: 400,
			has: []string{"image_url is only supported by certain models", `"param":"messages[0].content[1].type"`}},
		{name: "text parts", body: `{"model":"gpt-4o","messages":[{"role":"developer","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}`, status: 200},
		{name: "too long", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("word ", 1500) + `"}]}`, status: 400, has: []string{`"code":"context_length_exceeded"`, `"param":"messages"`}},
		{name: "one tool message", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"x"},{"role":"tool","content":"y","tool_call_id":"c"}]}`, status: 501, has: []string{"messages[1].role"}},
	})
}

// variable are the parts of a chunk in which two streams of one shape may differ. The details of token counts have grown
// since the streams were recorded.
var variable = regexp.MustCompile(`"(id|model|system_fingerprint|content|token|finish_reason)":"[^"\\]*(\\.[^"\\]*)*"|"(created|logprob|[a-z]+_tokens)":-?[0-9.e-]+|"bytes":\[[0-9,]*\]|,"[a-z]+_tokens_details":\{[^}]*\}`)

// shape gives the lines of a stream with what is variable taken out of them, and one line where several of one kind follow
// each other, since streams have any number of tokens.
func shape(t *testing.T, stream []byte) []string {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(string(stream), "\n") {
		line = variable.ReplaceAllStringFunc(line, func(m string) string {
			name, value, _ := strings.Cut(m, ":")
			if strings.Contains(name, "_details") {
				return ""
			}
			if name == `"content"` && value == `""` {
				return m // of the first chunk
			}
			return name
		})
		if n := len(lines); n >= 4 && line == lines[n-2] && lines[n-1] == "" && line != "" {
			lines = lines[:n-1]
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// TestChatStreamHasTheShapeOfRecordedStreams compares byte by byte, but for ids, times, texts and numbers.
func TestChatStreamHasTheShapeOfRecordedStreams(t *testing.T) {
	s, _ := newModelServer(t, fakeengine.Script{Rules: []fakeengine.Rule{{Contains: "one", Reply: "Foo"}, {Reply: "Foo bar baz"}}})
	for _, tt := range []struct{ capture, request string }{
		{"chat-stream-03.sse", `"max_tokens":1,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"one"}]`},
		{"chat-stream-05.sse", `"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]`},
		{"chat-stream-06.sse", `"logprobs":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]`},
	} {
		t.Run(tt.capture, func(t *testing.T) {
			recorded, err := os.ReadFile(filepath.Join("testdata", "captures", tt.capture))
			if err != nil {
				t.Fatal(err)
			}
			body := scenario{method: http.MethodPost, path: "/v1/chat/completions", body: `{"model":"gpt-4o-2024-08-06","stream":true,` + tt.request + `}`, status: 200,
				headers: map[string]string{"Content-Type": "text/event-stream.*"}}.run(t, s.URL)
			got, want := strings.Join(shape(t, body), "\n"), strings.Join(shape(t, bytes.TrimSuffix(recorded, []byte("\n"))), "\n")
			if strings.TrimSpace(got) != strings.TrimSpace(want) {
				t.Errorf("streamed:\n%s\nrecorded:\n%s", got, want)
			}
			for line := range strings.SplitSeq(string(body), "\n") {
				if data, ok := strings.CutPrefix(line, "data: {"); ok {
					contracttest.ValidateChunk(t, "CreateChatCompletionStreamResponse", []byte("{"+data))
				}
			}
		})
	}
}

func TestStreamWithoutUsage(t *testing.T) {
	s, _ := newModelServer(t, fakeengine.Script{})
	body := scenario{method: http.MethodPost, path: "/v1/chat/completions", body: `{"model":"gpt-4o","stream":true,"n":2,"messages":[{"role":"user","content":"x"}]}`,
		status: 200, has: []string{`"index":1`}, hasNot: []string{"usage", "obfuscation", "event:"}}.run(t, s.URL)
	if n := strings.Count(string(body), `"role":"assistant"`); n != 2 {
		t.Errorf("%d first chunks for two answers", n)
	}
	if n := strings.Count(string(body), `"delta":{}`); n != 2 || !strings.HasSuffix(string(body), "data: [DONE]\n\n") {
		t.Errorf("%d last chunks for two answers, or no end: %s", n, body)
	}
	scenario{method: http.MethodPost, path: "/v1/chat/completions", status: 200, has: []string{`"obfuscation":"`},
		body: `{"model":"gpt-4o","stream":true,"stream_options":{"include_obfuscation":true},"messages":[{"role":"user","content":"x"}]}`}.run(t, s.URL)
}

// TestEngineFailures shows what clients see of an engine that fails: a status before the first byte, an error event after.
func TestEngineFailures(t *testing.T) {
	s, _ := newModelServer(t, fakeengine.Script{Rules: []fakeengine.Rule{
		{Contains: "early", Then: fakeengine.Cut},
		{Contains: "late", Then: fakeengine.Cut, After: 2, Reply: "one two three"},
		{Contains: "busy", Status: 429},
		{Contains: "broken", Status: 500},
		{Contains: "prose", Reply: "no object"},
	}})
	chat := func(text, more string) string {
		return `{"model":"gpt-4o","messages":[{"role":"user","content":"` + text + `"}]` + more + `}`
	}
	const stream = `,"stream":true`
	runPosts(t, s, "/v1/chat/completions", []scenario{
		{name: "early", body: chat("early", ""), status: 502, has: []string{`"type":"server_error"`}},
		{name: "early, stream", body: chat("early", stream), status: 502, has: []string{`"type":"server_error"`}, hasNot: []string{"data:"}},
		{name: "late", body: chat("late", ""), status: 502, hasNot: []string{"one two"}},
		{name: "late, stream", body: chat("late", stream), status: 200, has: []string{`"content":"one"`, "\n\ndata: {\"error\":{\"message\":"}, hasNot: []string{"[DONE]", "event:"}},
		{name: "busy", body: chat("busy", ""), status: 429, has: []string{`"code":"rate_limit_exceeded"`}, headers: map[string]string{"Retry-After": "1"}},
		{name: "broken", body: chat("broken", ""), status: 500, has: []string{"The server had an error while processing your request."}},
		{name: "breaks the format on a stream", body: chat("prose", stream+`,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}`), status: 200,
			has: []string{"\n\ndata: {\"error\":{\"message\":\"The model's answer does not satisfy the response_format"}, hasNot: []string{"[DONE]", `"finish_reason":"stop"`}},
		{name: "works again", body: chat("x", ""), status: 200},
	})
}

// TestClientGoneFreesTheEngine shows that the engine's slot is free within a second after a client left, streaming or not.
func TestClientGoneFreesTheEngine(t *testing.T) {
	never := make(chan struct{})
	step := make(chan struct{}, 1)
	s, engine := newModelServer(t, fakeengine.Script{Rules: []fakeengine.Rule{{Contains: "never", Step: never}, {Step: step}}})
	for _, body := range []string{
		`{"model":"gpt-4o","messages":[{"role":"user","content":"never"}]}`,
		`{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"never"}]}`,
		`{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"x"}]}`,
	} {
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testKey)
		done := make(chan struct{})
		first := make(chan struct{})
		go func() {
			defer close(done)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			lines.Scan()
			close(first)
			for lines.Scan() {
			}
		}()
		within(t, "the request reached the engine", func() bool { return engine.Busy() == 1 })
		if strings.Contains(body, `"x"`) {
			step <- struct{}{}
			<-first // in the middle of the answer
		}
		leave()
		<-done
		within(t, "the slot is free again", func() bool { return engine.Busy() == 0 })
	}
}

// within polls until a condition holds, for at most a second.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within a second: %s", what)
		}
	}
}

func TestCreateCompletion(t *testing.T) {
	s, _ := newModelServer(t, fakeengine.Script{Rules: []fakeengine.Rule{{Contains: "first", Reply: " a b"}, {Contains: "second", Reply: " c d e"}, {Reply: " x y z", Tokens: 30}}})
	const model = `"model":"gpt-3.5-turbo-instruct"`
	runPosts(t, s, "/v1/completions", []scenario{
		{name: "plain", body: `{` + model + `,"prompt":"first"}`, status: 200,
			has: []string{`{"id":"cmpl-`, `"object":"text_completion"`, `"choices":[{"text":" a b","index":0,"logprobs":null,"finish_reason":"stop"}]`, `"completion_tokens":2`}},
		{name: "sixteen tokens by default", body: `{` + model + `,"prompt":"long"}`, status: 200, has: []string{`"completion_tokens":16`, `"finish_reason":"length"`}},
		{name: "no prompt", body: `{` + model + `}`, status: 200},
		{name: "prompts and n", body: `{` + model + `,"prompt":["first","second"],"n":2}`, status: 200, has: []string{`{"text":" c d e","index":3`, `{"text":" a b","index":1`, `"completion_tokens":10`}},
		{name: "tokens", body: `{` + model + `,"prompt":[9906,1917],"echo":true}`, status: 200, has: []string{`"text":"Hello world x y z`}},
		{name: "token lists", body: `{` + model + `,"prompt":[[9906],[1917]],"echo":true,"max_tokens":1}`, status: 200, has: []string{`"text":"Hello x"`, `"text":" world x"`}},
		{name: "best of", body: `{` + model + `,"prompt":"first","best_of":3}`, status: 200, has: []string{`"completion_tokens":6`}},
		{name: "logprobs", body: `{` + model + `,"prompt":"first","logprobs":2}`, status: 200, has: []string{`"logprobs":{"tokens":[" a"," b"],"token_logprobs":[`, `"top_logprobs":[{`, `"text_offset":[5,7]`}},
		{name: "echo alone", body: `{` + model + `,"prompt":"first","echo":true,"max_tokens":0}`, status: 200, has: []string{`"text":"first"`, `"completion_tokens":0`, `"finish_reason":"length"`}},
		{name: "stream", body: `{` + model + `,"prompt":"first","stream":true,"echo":true,"stream_options":{"include_usage":true}}`, status: 200,
			has: []string{`"text":"first a"`, `"finish_reason":"stop"`, `"choices":[],"usage":{"prompt_tokens":1,`, "data: [DONE]"}},
		{name: "best_of below n", body: `{` + model + `,"prompt":"first","best_of":1,"n":2}`, status: 400, has: []string{"you must set 'n' (currently 2) to be at most 'best_of' (currently 1)"}},
		{name: "best_of on a stream", body: `{` + model + `,"prompt":"first","best_of":2,"stream":true}`, status: 400, has: []string{`"param":"best_of"`}},
		{name: "echo and logprobs", body: `{` + model + `,"prompt":"first","echo":true,"logprobs":1}`, status: 400, has: []string{`"param":"logprobs"`, "unsupported_parameter"}},
		{name: "suffix on a model without", body: `{` + model + `,"prompt":"first","suffix":"x"}`, status: 400, has: []string{`"param":"suffix"`}},
		{name: "six logprobs", body: `{` + model + `,"prompt":"first","logprobs":6}`, status: 400, has: []string{`"param":"logprobs"`}},
		{name: "empty token list", body: `{` + model + `,"prompt":[[]]}`, status: 400, has: []string{"empty_array"}},
		{name: "not a token", body: `{` + model + `,"prompt":[100000000]}`, status: 400, has: []string{`"param":"prompt[0]"`}},
		{name: "chat model", body: `{"model":"gpt-4o","prompt":"x"}`, status: 404, has: []string{"Did you mean to use v1/chat/completions?"}},
		{name: "local chat model", body: `{"model":"chat","prompt":"first"}`, status: 200},
		{name: "too long", body: `{` + model + `,"prompt":"` + strings.Repeat("word ", 1500) + `"}`, status: 400, has: []string{"This model's maximum context length is 1000 tokens, however you requested"}},
	})
}

func TestCreateEmbedding(t *testing.T) {
	s, _ := newModelServer(t, fakeengine.Script{})
	rows := []scenario{
		{name: "string", body: `{"model":"text-embedding-ada-002","input":"hello"}`, status: 200,
			has: []string{`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[`, `"model":"text-embedding-ada-002","usage":{"prompt_tokens":1,"total_tokens":1}}`}},
		{name: "list", body: `{"model":"text-embedding-3-small","input":["a","b"],"dimensions":8}`, status: 200, has: []string{`"index":1`}},
		{name: "tokens", body: `{"model":"text-embedding-3-small","input":[9906,1917]}`, status: 200},
		{name: "token lists", body: `{"model":"text-embedding-3-small","input":[[9906],[1917]]}`, status: 200, has: []string{`"index":1`}},
		{name: "longer than the context", body: `{"model":"text-embedding-3-small","input":"` + strings.Repeat("word ", 100) + `"}`, status: 200},
		{name: "empty string", body: `{"model":"text-embedding-3-small","input":""}`, status: 400, has: []string{`"param":"input"`}},
		{name: "empty string in a list", body: `{"model":"text-embedding-3-small","input":["a",""]}`, status: 400, has: []string{`input`}},
		{name: "empty list", body: `{"model":"text-embedding-3-small","input":[]}`, status: 400, has: []string{`"param":"input"`}},
		{name: "too many", body: `{"model":"text-embedding-3-small","input":[` + strings.Repeat(`"a",`, 2048) + `"a"]}`, status: 400, has: []string{`"param":"input"`}},
		{name: "dimensions of ada", body: `{"model":"text-embedding-ada-002","input":"a","dimensions":8}`, status: 400, has: []string{"This model does not support specifying dimensions."}},
		{name: "too many dimensions", body: `{"model":"text-embedding-3-small","input":"a","dimensions":2000}`, status: 400, has: []string{`"param":"dimensions"`}},
		{name: "chat model", body: `{"model":"gpt-4o","input":"a"}`, status: 404},
		{name: "bad format", body: `{"model":"text-embedding-3-small","input":"a","encoding_format":"hex"}`, status: 400, has: []string{`"param":"encoding_format"`}},
	}
	runPosts(t, s, "/v1/embeddings", rows)

	// The two encodings carry the same vector.
	var numbers struct {
		Data []struct{ Embedding []float32 }
	}
	var text struct{ Data []struct{ Embedding string } }
	row := scenario{method: http.MethodPost, path: "/v1/embeddings", status: 200, body: `{"model":"text-embedding-3-small","input":"hello"}`}
	if err := json.Unmarshal(row.run(t, s.URL), &numbers); err != nil {
		t.Fatal(err)
	}
	row.body = `{"model":"text-embedding-3-small","input":"hello","encoding_format":"base64"}`
	if err := json.Unmarshal(row.run(t, s.URL), &text); err != nil {
		t.Fatal(err)
	}
	if want := base64Floats(numbers.Data[0].Embedding); text.Data[0].Embedding != want || len(numbers.Data[0].Embedding) != 1536 {
		t.Errorf("base64 differs from the floats, or there are %d of them", len(numbers.Data[0].Embedding))
	}
}

func TestModels(t *testing.T) {
	s, _ := newModelServer(t, fakeengine.Script{})
	runScenarios(t, s.URL, []scenario{
		{name: "list", path: "/v1/models", status: 200, has: []string{`{"object":"list","data":[`, `{"id":"gpt-4o-mini","object":"model","created":`, `"id":"chat"`}},
		{name: "one", path: "/v1/models/gpt-4o-mini", status: 200, has: []string{`{"id":"gpt-4o-mini","object":"model","created":`, `"owned_by":"`}},
		{name: "none", path: "/v1/models/nope", status: 404, has: []string{`"code":"model_not_found"`, `"param":"model"`}},
	})
}
