package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/openai"
)

// FuzzDecode feeds any body to the decoding of the three operations that take one: what comes back is a request or a 4xx
// error that can be shown to a client, and never a panic or a 500.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m","messages":[{"role":"user","content":"x"}]}`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"stop":["a"],"stream":true,"zzz":1}`,
		`{"model":"m","prompt":[[1,2],[3]],"logit_bias":{"5":-100},"n":2.0,"stop":null}`,
		`{"model":"m","input":["a","b"],"dimensions":5,"encoding_format":"base64"}`,
		`{"model":"m","input":[1e400]}`, `[[[[`, "{\"\xff\":1}", "", "null", `{"model":"\ud800"}`, `{"n":99999999999999999999}`,
	} {
		f.Add(seed)
	}
	a := New(Options{MaxBody: 1 << 16})
	f.Fuzz(func(t *testing.T, body string) {
		checkDecode[openai.ChatCompletionRequest](t, a, "createChatCompletion", body)
		checkDecode[openai.CompletionRequest](t, a, "createCompletion", body)
		checkDecode[openai.EmbeddingRequest](t, a, "createEmbedding", body)
	})
}

func checkDecode[T any](t *testing.T, a *API, operation, body string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	req, err := decode[T](a, r, operation)
	if e, ok := apierror.As(err); err != nil && (!ok || e.Status < 400 || e.Status > 499 || e.Message == "") {
		t.Errorf("%s: the error is not for clients: %v", operation, err)
	}
	if (err == nil) != (req != nil) {
		t.Errorf("%s: got %v and %v", operation, req, err)
	}
}
