package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

func TestLogLine(t *testing.T) {
	db, key, secret := newStoreWithKey(t.Context(), t)
	s := newEchoServer(t, Options{Store: db})
	scenario{
		method: "POST", path: "/echo?api_key=query-secret", body: `{"model":"some-model"}`, status: 200,
		send: map[string]string{"Authorization": "Bearer " + secret, "X-Client-Request-Id": "mine"},
	}.run(t, s.URL)
	line, raw := s.log.request(t)
	for field, want := range map[string]any{
		"level": "INFO", "method": "POST", "route": "POST /v1/echo", "status": 200.0, "key": key.ID, "model": "some-model",
		"target": "echo-target", "client_request_id": "mine",
	} {
		if line[field] != want {
			t.Errorf("%s is %v, want %v", field, line[field], want)
		}
	}
	if line["bytes"].(float64) < 50 || line["ms"].(float64) <= 0 || !strings.HasPrefix(line["request_id"].(string), "req_") {
		t.Errorf("bytes, ms or request_id is wrong: %s", raw)
	}
	if strings.Contains(raw, secret) || strings.Contains(raw, "query-secret") {
		t.Errorf("the log has a secret: %s", raw)
	}

	scenario{path: "/v1/models", send: map[string]string{"Authorization": "Bearer sk-wrong-0123456789abcdef"}, status: 401}.run(t, s.URL)
	if line, raw := s.log.request(t); line["code"] != "invalid_api_key" || strings.Contains(raw, "sk-") {
		t.Errorf("the line of a refused key is wrong: %s", raw)
	}
	scenario{path: "/readyz", status: 200}.run(t, s.URL)
	if line, raw := s.log.request(t); line["level"] != "DEBUG" {
		t.Errorf("a probe is logged as loudly as a request: %s", raw)
	}
}

func TestErrorHeaders(t *testing.T) {
	fail := func(e *apierror.Error) handlerFunc {
		return func(http.ResponseWriter, *http.Request) error { return e }
	}
	s := newTestServer(t, Options{},
		route{"GET /v1/rate", "rate", fail(&apierror.Error{Status: 429, Type: apierror.TypeRequests, Code: "rate_limit_exceeded", RetryAfter: 1200 * time.Millisecond}), true},
		route{"GET /v1/quota", "quota", fail(&apierror.Error{Status: 429, Type: apierror.TypeQuota, Code: "insufficient_quota"}), true},
		route{"GET /v1/none", "none", fail(&apierror.Error{Status: 400, Type: apierror.TypeInvalidRequest, Message: "x"}), true},
	)
	runScenarios(t, s.URL, []scenario{
		{name: "rate", path: "/v1/rate", status: 429, headers: map[string]string{"Retry-After": "2", "X-Should-Retry": ""}},
		{name: "quota", path: "/v1/quota", status: 429, headers: map[string]string{"Retry-After": "", "X-Should-Retry": "false"}},
		{name: "neither", path: "/v1/none", status: 400, headers: map[string]string{"Retry-After": "", "X-Should-Retry": ""},
			has: []string{`{"error":{"message":"x","type":"invalid_request_error","param":null,"code":null}}`}},
	})
}

func TestStreamsAreCounted(t *testing.T) {
	open, done := make(chan struct{}), make(chan struct{})
	s := newTestServer(t, Options{}, route{"GET /v1/stream", "stream", func(w http.ResponseWriter, r *http.Request) error {
		err := newStream(w, r).Send(1)
		close(open)
		<-done
		return err
	}, true})
	dial(t, s, "GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
	<-open
	scenario{path: "/metrics", status: 200, has: []string{"everpoint_http_streams_open 1", "everpoint_http_requests_in_flight 2"}}.run(t, s.URL)
	s.log.request(t) // of the scrape
	close(done)
	s.log.request(t)
	scenario{path: "/metrics", status: 200, has: []string{"everpoint_http_streams_open 0", `everpoint_http_request_duration_seconds_count{route="GET /v1/stream"} 1`}}.run(t, s.URL)
}
