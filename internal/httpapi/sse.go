package httpapi

import (
	"net/http"
)

// stream writes server-sent events, each sent at once. Nothing is written before the first event, so a handler that fails
// earlier is still answered with a status.
type stream struct {
	x *exchange
}

// newStream makes the stream of a request's answer.
func newStream(w http.ResponseWriter, r *http.Request) *stream {
	return &stream{x: of(r.Context())}
}

// Send sends v as the JSON data of one event without a name: chat and completion streams must not have names
// (wire-facts 5). The error is v's, or that of a client that is gone or stopped reading; generating goes on in vain then.
func (s *stream) Send(v any) error {
	data, err := marshal(v)
	if err != nil {
		return err
	}
	return s.sendData(data)
}

// Done sends the event that ends a stream.
func (s *stream) Done() error { return s.sendData([]byte("[DONE]")) }

func (s *stream) sendData(data []byte) error {
	s.begin()
	event := make([]byte, 0, len(data)+8)
	event = append(event, "data: "...)
	event = append(event, data...)
	event = append(event, "\n\n"...)
	if _, err := s.x.Write(event); err != nil {
		return err
	}
	return s.x.FlushError()
}

// begin sets the header of the answer when the first event comes.
func (s *stream) begin() {
	if s.x.stream != nil {
		return
	}
	s.x.stream = s
	h := s.x.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // proxies of the nginx family hold events back otherwise
	s.x.streams.Inc()
}
