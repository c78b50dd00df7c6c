package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// dial opens a raw connection to a server and sends text on it.
func dial(t *testing.T, s *testServer, text string) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

func readResponse(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// endless gives n bytes of JSON white space without holding them.
func endless(n int64) io.Reader { return io.LimitReader(spaces{}, n) }

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestHugeBodies(t *testing.T) {
	s := newEchoServer(t, Options{MaxBody: 4 << 20})
	const size = 100 << 20
	for name, declared := range map[string]int64{"declared": size, "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			// Twice on one client: the refusal of the first must not break the second.
			for range 2 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1/echo", endless(size))
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = declared
				req.Header.Set("Authorization", "Bearer "+testKey)
				resp, err := s.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusRequestEntityTooLarge {
					t.Fatalf("status is %d: %s", resp.StatusCode, body)
				}
				checkEnvelope(t, body)
			}
			scenario{method: "POST", path: "/v1/echo", body: `{"model":"m"}`, status: 200}.run(t, s.URL)
		})
	}
}

func TestConnectionLivesOnAfterRefusedBody(t *testing.T) {
	s := newEchoServer(t, Options{MaxBody: 10})
	const request = "POST /v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nContent-Length: %d\r\n\r\n%s"
	c := dial(t, s, fmt.Sprintf(request, 20, strings.Repeat(" ", 20))+fmt.Sprintf(request, 2, "{}"))
	r := bufio.NewReader(c)
	if resp, body := readResponse(t, r); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("first answer is %d: %s", resp.StatusCode, body)
	}
	if resp, body := readResponse(t, r); resp.StatusCode != http.StatusOK {
		t.Errorf("second answer is %d: %s", resp.StatusCode, body)
	}
}

func TestSlowBodyIsGivenUp(t *testing.T) {
	s := newEchoServer(t, Options{BodyGrace: 20 * time.Millisecond})
	c := dial(t, s, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+testKey+"\r\nContent-Length: 100\r\n\r\n{")
	r := bufio.NewReader(c)
	resp, body := readResponse(t, r)
	if resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(body, "too slowly") {
		t.Errorf("answer is %d: %s", resp.StatusCode, body)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) { // the body's rest can still come, so the connection is of no more use
		t.Errorf("the connection was not closed: %v", err)
	}
}

func TestDeclaredHugeBodyIsRefusedUnread(t *testing.T) {
	s := newEchoServer(t, Options{})
	c := dial(t, s, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+testKey+"\r\nContent-Length: 104857600\r\n\r\n")
	resp, body := readResponse(t, bufio.NewReader(c))
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "(104857600 bytes read)") || !resp.Close {
		t.Errorf("answer is %d, close is %v: %s", resp.StatusCode, resp.Close, body)
	}
}

func TestUnreadSlowBodyIsGivenUp(t *testing.T) {
	s := newEchoServer(t, Options{BodyGrace: 20 * time.Millisecond})
	c := dial(t, s, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	r := bufio.NewReader(c)
	if resp, body := readResponse(t, r); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("answer is %d: %s", resp.StatusCode, body)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) { // hangs when the server waits for the rest
		t.Errorf("the connection was not closed: %v", err)
	}
}

// deadlines is a ResponseWriter that records read deadlines, and whether each write had a deadline.
type deadlines struct {
	http.ResponseWriter
	last    time.Time
	write   time.Time
	bounded []bool
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.write = at
	return nil
}

func (d *deadlines) Write(p []byte) (int, error) {
	d.bounded = append(d.bounded, !d.write.IsZero())
	return len(p), nil
}

func (d *deadlines) Flush() { d.bounded = append(d.bounded, !d.write.IsZero()) }

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.last = at
	return nil
}

func TestBodyEarnsTimeByArriving(t *testing.T) {
	var d deadlines
	b := &pacedBody{ReadCloser: io.NopCloser(endless(8000)), rc: http.NewResponseController(&d), grace: time.Minute, rate: 1000}
	for _, earned := range []time.Duration{0, 4 * time.Second, 8 * time.Second} {
		_, err := b.Read(make([]byte, 4000))
		if got := d.last.Sub(b.start); got != time.Minute+earned {
			t.Errorf("the deadline is %v after the start, want %v", got, time.Minute+earned)
		}
		if earned == 8*time.Second && !errors.Is(err, io.EOF) {
			t.Errorf("the body ended with %v", err)
		}
	}
	before := d.last
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || d.last != before {
		t.Error("the deadline was set after the end of the body, when it is the HTTP server's")
	}
}

// TestDeadlineIsLiftedBetweenWrites matters on HTTP/2, where a deadline that passes ends the stream even while the model is
// still thinking.
func TestDeadlineIsLiftedBetweenWrites(t *testing.T) {
	d := &deadlines{ResponseWriter: httptest.NewRecorder()}
	a := New(Options{})
	a.mux = newMux(a, []route{{"GET /", "stream", func(w http.ResponseWriter, r *http.Request) error {
		err := newStream(w, r).Send(1)
		if !d.write.IsZero() {
			t.Error("a deadline runs while nothing is written")
		}
		return err
	}, true}})
	a.ServeHTTP(d, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if !slices.Equal(d.bounded, []bool{true, true}) {
		t.Errorf("a write or a flush had no deadline: %v", d.bounded)
	}
	if d.write.IsZero() {
		t.Error("what the HTTP server still holds has no deadline")
	}
}

func TestOddRequests(t *testing.T) {
	s := newUnstartedServer(t, Options{}, route{"GET /v1/stream", "stream", func(w http.ResponseWriter, r *http.Request) error {
		return newStream(w, r).Send(1)
	}, true})
	s.Config.MaxHeaderBytes = 8 << 10
	s.Start()
	for name, row := range map[string]struct {
		request string
		status  int
		has     string
	}{
		"HTTP/1.0":          {"GET /readyz HTTP/1.0\r\n\r\n", 200, "ok"},
		"stream, HTTP/1.0":  {"GET /v1/stream HTTP/1.0\r\n\r\n", 200, "data: 1\n\n"},
		"long header":       {"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("a", 16<<10) + "\r\n\r\n", 431, ""},
		"broken header":     {"GET /readyz HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n", 400, ""},
		"parent folders":    {"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Invalid URL"},
		"no path":           {"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Invalid URL"},
		"strange method":    {"BREW /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Not allowed to BREW on /v1/models"},
		"encoded line feed": {"GET /v1/%0aX HTTP/1.1\r\nHost: x\r\n\r\n", 404, "Invalid URL"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := readResponse(t, bufio.NewReader(dial(t, s, row.request)))
			if resp.StatusCode != row.status || !strings.Contains(body, row.has) {
				t.Errorf("answer is %d: %s", resp.StatusCode, body)
			}
		})
	}
}

func TestPanics(t *testing.T) {
	s := newTestServer(t, Options{},
		route{"GET /v1/panic", "panic", func(http.ResponseWriter, *http.Request) error { panic("secret reason") }, true},
		route{"GET /v1/late", "late", func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, "half")
			panic("late")
		}, true},
		route{"GET /v1/abort", "abort", func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }, true},
		route{"GET /v1/fault", "fault", func(http.ResponseWriter, *http.Request) error { return errors.New("secret cause") }, true},
		route{"GET /v1/truncated", "truncated", func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, "half")
			return errors.New("broken")
		}, true},
	)
	row := scenario{path: "/v1/panic", status: 500, hasNot: []string{"secret"}, has: []string{"The server had an error", `"type":"server_error"`}}
	row.run(t, s.URL)
	logged := <-s.log.lines
	if !strings.Contains(logged, "secret reason") || !strings.Contains(logged, "hostile_test.go") || !strings.Contains(logged, `"request_id":"req_`) {
		t.Errorf("the panic's line lacks its value, its stack or the request's id: %s", logged)
	}
	row.path = "/v1/fault"
	s.log.request(t)
	row.run(t, s.URL)
	if logged := <-s.log.lines; !strings.Contains(logged, "secret cause") || !strings.Contains(logged, `"request_id":"req_`) {
		t.Errorf("the fault's line lacks its cause or the request's id: %s", logged)
	}
	for _, path := range []string{"/v1/late", "/v1/abort", "/v1/truncated"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: a broken answer looks whole", path)
		}
	}
	scenario{path: "/readyz", status: 200}.run(t, s.URL)
}

func TestStreamedErrors(t *testing.T) {
	stop := make(chan struct{})
	waiting := make(chan struct{}, 1)
	s := newUnstartedServer(t, Options{},
		route{"GET /v1/early", "early", func(w http.ResponseWriter, r *http.Request) error {
			_ = newStream(w, r)
			return apierror.Invalidf("p", "c", "too early")
		}, true},
		route{"GET /v1/middle", "middle", func(w http.ResponseWriter, r *http.Request) error {
			if err := newStream(w, r).Send(map[string]string{"a": "<"}); err != nil {
				return err
			}
			return errors.New("secret cause")
		}, true},
		route{"GET /v1/panicking", "panicking", func(w http.ResponseWriter, r *http.Request) error {
			_ = newStream(w, r).Send(1)
			panic("in the middle")
		}, true},
		route{"GET /v1/stopped", "stopped", func(w http.ResponseWriter, r *http.Request) error {
			_ = newStream(w, r).Send(1)
			waiting <- struct{}{}
			<-r.Context().Done()
			return r.Context().Err()
		}, true},
	)
	base, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s.Config.BaseContext = func(net.Listener) context.Context { return base }
	s.Start()
	go func() {
		<-waiting
		cancel(ErrStopping)
		close(stop)
	}()
	sse := map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "X-Accel-Buffering": "no",
		"Openai-Processing-Ms": `\d+`, "X-Request-Id": "req_.*", "Content-Length": "",
	}
	for _, row := range []struct {
		scenario
		want string
	}{
		{scenario{path: "/v1/early", status: 400}, `{"error":{"message":"too early","type":"invalid_request_error","param":"p","code":"c"}}`},
		{scenario{path: "/v1/middle", status: 200, headers: sse}, "data: {\"a\":\"<\"}\n\ndata: {\"error\":{\"message\":\"The server had an error"},
		{scenario{path: "/v1/panicking", status: 200, headers: sse}, "data: 1\n\ndata: {\"error\":{\"message\":\"The server had an error"},
		{scenario{path: "/v1/stopped", status: 200, headers: sse}, "data: 1\n\ndata: {\"error\":{\"message\":\"The server is shutting down."},
	} {
		t.Run(row.path, func(t *testing.T) {
			body := string(row.run(t, s.URL))
			if !strings.HasPrefix(body, row.want) || strings.Contains(body, "secret") || strings.Contains(body, "event:") {
				t.Errorf("body is %q", body)
			}
			if row.status == 200 && !strings.HasSuffix(body, "}}\n\n") {
				t.Errorf("the error is not the last event: %q", body)
			}
		})
	}
	<-stop
}

func TestStreamIsSentEventByEvent(t *testing.T) {
	next := make(chan struct{})
	s := newTestServer(t, Options{}, route{"GET /v1/stream", "stream", func(w http.ResponseWriter, r *http.Request) error {
		st := newStream(w, r)
		for i := range 3 {
			if err := st.Send(i); err != nil {
				return err
			}
			<-next // the client has seen the event before there is another
		}
		return st.Done()
	}, true})
	c := dial(t, s, "GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for _, want := range []string{"data: 0", "data: 1", "data: 2"} {
		line, err := lines.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != want {
			t.Fatalf("got %q, %v", line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "data: [DONE]\n\n" {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

func TestClientThatStopsReadingIsGivenUp(t *testing.T) {
	failed := make(chan error, 1)
	s := newTestServer(t, Options{WriteTimeout: 20 * time.Millisecond}, route{"GET /v1/flood", "flood", func(w http.ResponseWriter, r *http.Request) error {
		st, event := newStream(w, r), strings.Repeat("x", 1<<20)
		for {
			if err := st.Send(event); err != nil {
				failed <- err
				return err
			}
		}
	}, true})
	dial(t, s, "GET /v1/flood HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-failed; err == nil {
		t.Error("a write to nobody succeeded")
	}
	if line, raw := s.log.request(t); line["client_gone"] != true {
		t.Errorf("the log does not say why: %s", raw)
	}
}

func TestClientThatLeaves(t *testing.T) {
	began := make(chan struct{})
	s := newTestServer(t, Options{}, route{"POST /v1/wait", "wait", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		close(began)
		<-r.Context().Done() // the client's leaving is noticed while nothing is written
		return r.Context().Err()
	}, true})
	c := dial(t, s, "POST /v1/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	<-began
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if line, raw := s.log.request(t); line["status"] != float64(statusClientGone) {
		t.Errorf("the log has another status: %s", raw)
	}
}

func TestDrainingServer(t *testing.T) {
	s := newTestServer(t, Options{})
	s.api.Drain()
	scenario{path: "/readyz", status: 503, has: []string{`"code":"draining"`}}.run(t, s.URL)
	scenario{path: "/healthz", status: 200}.run(t, s.URL)
	resp, _ := readResponse(t, bufio.NewReader(dial(t, s, "GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+testKey+"\r\n\r\n")))
	if resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("status is %d, close is %v; running connections must be served and closed", resp.StatusCode, resp.Close)
	}
}
