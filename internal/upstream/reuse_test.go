package upstream

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

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
		body := "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
		resp := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, TransferEncoding: []string{"chunked"}, Body: io.NopCloser(strings.NewReader(body))}
		if resp.Write(c) != nil {
			return
		}
	}
}
