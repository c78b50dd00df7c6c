package httpapi

import (
	"net/http"
)

// stream writes server-sent events, each sent at once unless it is queued. Nothing is written before the first event, so a handler that fails
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
	if err := s.Queue(v); err != nil {
		return err
	}
	return s.x.FlushError()
}

// Queue is Send for an event that another one follows at once: the two then go out together, which saves a system call,
// the dearest part of an event.
func (s *stream) Queue(v any) error {
	data, err := marshal(v)
	if err != nil {
		return err
	}
	return s.write(data)
}

// Done sends the event that ends a stream.
func (s *stream) Done() error {
	if err := s.write([]byte("[DONE]")); err != nil {
		return err
	}
	return s.x.FlushError()
}

func (s *stream) write(data []byte) error {
	s.begin()
	event := make([]byte, 0, len(data)+8)
	event = append(event, "data: "...)
	event = append(event, data...)
	event = append(event, "\n\n"...)
	_, err := s.x.Write(event)
	return err
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
