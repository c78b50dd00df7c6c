package contracttest

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=utf-8"}}
}

func streamHeader() http.Header { return http.Header{"Content-Type": {"text/event-stream"}} }

const usage = `{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}`

const chatAnswer = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":` + usage + `,"system_fingerprint":null}`

// rows are responses and, for those that break the contract, a piece of what is said about them.
var rows = []struct {
	method, path string
	status       int
	header       http.Header
	body         string
	breach       string
}{
	{"GET", "/v1/models", 200, jsonHeader(), `{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"me"}]}`, ""},
	{"GET", "/models", 200, jsonHeader(), `{"object":"list","data":[{"id":"m","object":"model","created":1}]}`, "owned_by"},
	{"GET", "/models/a?x=1", 200, jsonHeader(), `{"id":"m","object":"model","created":1,"owned_by":"me"}`, ""},
	{"GET", "/models/a/b", 200, jsonHeader(), `{}`, "no such operation"},
	{"GET", "/models", 200, http.Header{"Content-Type": {"text/html"}}, `{}`, "content type"},
	{"GET", "/models", 200, http.Header{}, `{}`, "content type"},
	{"GET", "/models", 201, jsonHeader(), `{}`, "no status 201"},
	{"GET", "/models", 200, jsonHeader(), `{`, "EOF"},
	{"GET", "/models", 200, streamHeader(), "data: {}\n\n", "no stream"},
	{"GET", "/models", 401, jsonHeader(), `{"error":{"message":"m","type":"t","param":null,"code":null}}`, ""},
	{"GET", "/models", 401, jsonHeader(), `{"error":{"message":"m","type":"t","param":null}}`, "code"},
	{"GET", "/models", 500, http.Header{"Content-Type": {"text/plain"}}, `oops`, "an error of content type"},
	{"POST", "/chat/completions", 200, jsonHeader(), chatAnswer, ""},
	{"POST", "/chat/completions", 200, jsonHeader(), strings.Replace(chatAnswer, `"stop"`, `"eos"`, 1), "finish_reason"},
	{"POST", "/chat/completions", 200, jsonHeader(), strings.Replace(chatAnswer, `,"refusal":null`, ``, 1), "refusal"},
	{"POST", "/embeddings", 200, jsonHeader(), `{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[0.5,1]},{"object":"embedding","index":1,"embedding":"AAAA"}],"usage":{"prompt_tokens":1,"total_tokens":1}}`, ""},
	{"POST", "/embeddings", 200, jsonHeader(), `{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":["a"]}],"usage":{"prompt_tokens":1,"total_tokens":1}}`, "embedding"},
	{"POST", "/completions", 200, jsonHeader(), `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":"a","index":0,"logprobs":{"tokens":["a"],"token_logprobs":[null],"top_logprobs":[null],"text_offset":[0]},"finish_reason":"length"}],"usage":` + usage + `}`, ""},
	{"POST", "/completions", 200, streamHeader(), "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"text\":\"a\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n: still here\n\ndata: [DONE]\n\n", ""},
	{"POST", "/completions", 200, streamHeader(), "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n", ""},
	{"POST", "/completions", 200, streamHeader(), "data: {\"error\":\"oops\"}\n\n", "error"},
	{"POST", "/completions", 200, streamHeader(), "data: [DONE]\n\ndata: {}\n\n", "after [DONE]"},
	{"POST", "/completions", 200, streamHeader(), "{}\n\n", "neither"},
	{"POST", "/threads/t/runs", 200, streamHeader(), "event: thread.message.delta\ndata: {\"id\":\"msg_1\",\"object\":\"thread.message.delta\",\"delta\":{\"content\":[{\"index\":0,\"type\":\"text\",\"text\":{\"value\":\"a\",\"annotations\":[]}}]}}\n\nevent: done\ndata: [DONE]\n\n", ""},
	{"POST", "/threads/t/runs", 200, streamHeader(), "event: thread.message.delta\ndata: {\"id\":\"msg_1\"}\n\n", "thread.message.delta"},
	{"POST", "/threads/runs", 200, streamHeader(), "event: thread.bogus\ndata: {}\n\n", "thread.bogus"},
	{"POST", "/audio/speech", 200, http.Header{"Content-Type": {"audio/mpeg"}}, "ID3", ""},
	{"GET", "/files/file-1/content", 200, http.Header{"Content-Type": {"application/octet-stream"}}, "x", ""},
	{"DELETE", "/threads/t", 200, jsonHeader(), `{"id":"t","object":"thread.deleted","deleted":true}`, ""},
}

func TestValidate(t *testing.T) {
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		err := c.response(row.method, row.path, row.status, row.header, []byte(row.body))
		if row.breach == "" && err != nil {
			t.Errorf("%s %s %s: %v", row.method, row.path, row.body, err)
		}
		if row.breach != "" && (err == nil || !strings.Contains(err.Error(), row.breach)) {
			t.Errorf("%s %s %s: got %v, want something about %q", row.method, row.path, row.body, err, row.breach)
		}
	}
}

// recorder stands for the test that calls, to see whether it is failed.
type recorder struct {
	testing.TB
	failed int
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed++ }

func TestBreachesFailTheTest(t *testing.T) {
	r := &recorder{TB: t}
	Validate(r, "GET", "/v1/models", 200, jsonHeader(), []byte(`{}`))
	ValidateChunk(r, "CreateChatCompletionStreamResponse", []byte(`{}`))
	ValidateChunk(r, "NoSuchSchema", []byte(`{}`))
	if r.failed != 3 {
		t.Errorf("%d of 3 breaches failed the test", r.failed)
	}
}

// TestRecordedStream shows that what the vendor really sent passes.
func TestRecordedStream(t *testing.T) {
	for _, name := range []string{"03", "05", "06"} {
		body, err := os.ReadFile("../../httpapi/testdata/captures/chat-stream-" + name + ".sse")
		if err != nil {
			t.Fatal(err)
		}
		Validate(t, "POST", "/v1/chat/completions", 200, streamHeader(), body)
	}
}

// TestEverySchemaCompiles also shows that each operation's responses have theirs.
func TestEverySchemaCompiles(t *testing.T) {
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range Operations() {
		for _, name := range op.Responses {
			if name == "" {
				continue
			}
			if err := c.fits(name, []byte(`0`)); err == nil || !strings.Contains(err.Error(), "validation failed") {
				t.Errorf("%s %s: %v", op.ID, name, err)
			}
		}
		if op.Chunk != "" {
			if err := c.fits(op.Chunk, []byte(`0`)); err == nil || !strings.Contains(err.Error(), "validation failed") {
				t.Errorf("%s %s: %v", op.ID, op.Chunk, err)
			}
		}
	}
}

func TestOperationsAreThoseOfTheTable(t *testing.T) {
	table, err := os.ReadFile("../operations.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("method\tpath\toperationId\tbuilt by\n")
	for _, op := range Operations() {
		b.WriteString(op.Method + "\t" + op.Path + "\t" + op.ID + "\t" + op.BuiltBy + "\n")
	}
	if b.String() != string(table) {
		t.Error("Operations differ from operations.tsv")
	}
	if len(Operations()) != 104 {
		t.Errorf("%d operations", len(Operations()))
	}
}

func BenchmarkLoadAndValidate(b *testing.B) {
	for b.Loop() {
		ValidateChunk(b, "CreateChatCompletionResponse", []byte(chatAnswer))
	}
}
