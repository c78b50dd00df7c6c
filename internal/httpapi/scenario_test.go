package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/everpoint/everpoint/internal/store"
	"github.com/everpoint/everpoint/internal/upstream"
)

// testKey is accepted by every API that newTestServer makes with keys on.
const testKey = "sk-bootstrap-0123456789abcdefgh"

// testServer is an API behind a real HTTP server, with its log.
type testServer struct {
	*httptest.Server
	api *API
	log *logLines
}

// newTestServer serves the API with a database of its own and, besides the real routes, those given. It starts without
// an engine.
func newTestServer(t *testing.T, o Options, more ...route) *testServer {
	t.Helper()
	s := newUnstartedServer(t, o, more...)
	s.Start()
	return s
}

func newUnstartedServer(t *testing.T, o Options, more ...route) *testServer {
	t.Helper()
	if o.Store == nil {
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "everpoint.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		o.Store = db
	}
	if o.Upstream == nil {
		o.Upstream = upstream.New(upstream.Options{Logger: slog.New(slog.DiscardHandler)})
	}
	o.BootstrapKey = cmp.Or(o.BootstrapKey, testKey)
	log := &logLines{lines: make(chan string, 1000)}
	o.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := New(o)
	a.mux = newMux(a, append(a.routes(), more...))
	s := &testServer{Server: httptest.NewUnstartedServer(a), api: a, log: log}
	t.Cleanup(s.Close)
	return s
}

// logLines is where a test's API logs to.
type logLines struct{ lines chan string }

func (l *logLines) Write(p []byte) (int, error) {
	l.lines <- string(p)
	return len(p), nil
}

// request waits for the line of a request's end and gives it.
func (l *logLines) request(t *testing.T) (line map[string]any, raw string) {
	t.Helper()
	for {
		select {
		case raw = <-l.lines:
			line = nil
			if err := json.Unmarshal([]byte(raw), &line); err != nil {
				t.Fatal(err)
			}
			if line["msg"] == "request" {
				return line, raw
			}
		case <-t.Context().Done():
			t.Fatal("no line was logged")
		}
	}
}

// scenario is one request and what its answer must be. Header values are regular expressions; "" is a header that must
// be absent.
type scenario struct {
	name    string
	method  string // default GET
	path    string
	noKey   bool // the test's key is sent otherwise
	send    map[string]string
	body    string
	status  int
	has     []string
	hasNot  []string
	headers map[string]string
}

func (s scenario) run(t *testing.T, base string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), cmp.Or(s.method, http.MethodGet), base+s.path, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	if !s.noKey {
		req.Header.Set("Authorization", "Bearer "+testKey)
	}
	for k, v := range s.send {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != s.status {
		t.Errorf("status is %d, want %d; body: %s", resp.StatusCode, s.status, body)
	}
	for _, part := range s.has {
		if !bytes.Contains(body, []byte(part)) {
			t.Errorf("body lacks %s: %s", part, body)
		}
	}
	for _, part := range s.hasNot {
		if bytes.Contains(body, []byte(part)) {
			t.Errorf("body has %s: %s", part, body)
		}
	}
	for name, pattern := range s.headers {
		values := resp.Header.Values(name)
		if got := strings.Join(values, ", "); pattern == "" && len(values) > 0 || !regexp.MustCompile("^(?:"+pattern+")$").MatchString(got) {
			t.Errorf("header %s is %q, want %q", name, got, pattern)
		}
	}
	if resp.StatusCode >= http.StatusBadRequest && req.Method != http.MethodHead {
		checkEnvelope(t, body)
	}
	return body
}

// checkEnvelope fails unless body is the vendor's error object with exactly its four keys.
func checkEnvelope(t *testing.T, body []byte) {
	t.Helper()
	var e map[string]map[string]any
	if err := json.Unmarshal(body, &e); err != nil || len(e) != 1 || len(e["error"]) != 4 {
		t.Errorf("this is not the error envelope: %s", body)
		return
	}
	for _, key := range []string{"message", "type", "param", "code"} {
		if _, ok := e["error"][key]; !ok {
			t.Errorf("the error envelope lacks %s: %s", key, body)
		}
	}
}

func runScenarios(t *testing.T, base string, rows []scenario) {
	t.Helper()
	for _, s := range rows {
		t.Run(s.name, func(t *testing.T) { s.run(t, base) })
	}
}

// echoRequest is the body of the test's own operation.
type echoRequest struct {
	Model string `json:"model"`
}

// echoOperation is one of which the contract demands nothing.
const echoOperation = "Getinputtokencounts"

// echo answers with what a handler can know of its request.
func echo(a **testServer) route {
	return route{"POST /v1/echo", "echo", func(w http.ResponseWriter, r *http.Request) error {
		req, err := decode[echoRequest]((*a).api, r, echoOperation)
		if err != nil {
			return err
		}
		ctx := r.Context()
		setModel(ctx, req.Model)
		setTarget(w, r, "echo-target")
		return writeJSON(w, http.StatusOK, map[string]string{
			"model": req.Model, "project": project(ctx).Name, "request": requestID(ctx), "html": "<&>",
		})
	}, false}
}

func newEchoServer(t *testing.T, o Options, more ...route) *testServer {
	t.Helper()
	var s *testServer
	s = newTestServer(t, o, append(more, echo(&s))...)
	return s
}

// newStoreWithKey makes a database that holds one key.
func newStoreWithKey(ctx context.Context, t *testing.T) (*store.Store, store.Key, string) {
	t.Helper()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "everpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p, err := db.DefaultProject(ctx)
	if err != nil {
		t.Fatal(err)
	}
	key, secret, err := db.CreateKey(ctx, p.ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	return db, key, secret
}
