package upstream

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestConnectionIsUsedAgain shows that answers are read to their end, also when it comes a moment after [DONE]: a
// connection for each answer costs a tenth of the time.
func TestConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	read := make(chan struct{})
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, wholeAnswer)
		_ = http.NewResponseController(w).Flush()
		<-read
	}))
	engine.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	engine.Start()
	t.Cleanup(engine.Close)
	u := New(Options{Names: map[string]Name{"m": {URL: engine.URL, Kind: KindChat}}, Logger: slog.New(slog.DiscardHandler)})
	target, err := u.Route("m", KindChat)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		for event, err := range u.Chat(t.Context(), target, hello(1)) {
			if err != nil {
				t.Fatal(err)
			}
			if event.FinishReason != "" {
				read <- struct{}{}
			}
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("10 answers took %d connections", n)
	}
}

const wholeAnswer = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"

// TestConnectionClosedWhileIdle plays an engine that drops a kept connection just when the second request arrives on it,
// as llama-server does some seconds after the first.
func TestConnectionClosedWhileIdle(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerOnce(c)
		}
	}()
	u := New(Options{Names: map[string]Name{"m": {URL: "http://" + l.Addr().String(), Kind: KindChat}}, Logger: slog.New(slog.DiscardHandler)})
	target, err := u.Route("m", KindChat)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		choices, err := collect(u.Chat(t.Context(), target, hello(1)), 1)
		if err != nil || choices[0].text != "hi" {
			t.Fatalf("request %d: %+v, %v", i, choices, err)
		}
	}
}

// answerOnce answers the first request of a connection and hangs up on the second.
func answerOnce(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for i := range 2 {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil || i == 1 {
			return
		}
		resp := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, TransferEncoding: []string{"chunked"}, Body: io.NopCloser(strings.NewReader(wholeAnswer))}
		if resp.Write(c) != nil {
			return
		}
	}
}
