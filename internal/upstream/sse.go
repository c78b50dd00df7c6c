package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxEvent bounds one server-sent event; official SDKs accept 32 MiB (wire-facts 5).
const maxEvent = 32 << 20

var errEventTooLarge = errors.New("a server-sent event is larger than 32 MiB")

// eventReader reads the data of server-sent events. It takes LF and CRLF line ends, joins several data lines of one
// event with a newline and passes over comments and every other field.
type eventReader struct {
	lines *bufio.Reader
	data  []byte
}

func newEventReader(r io.Reader) *eventReader {
	return &eventReader{lines: bufio.NewReaderSize(r, 4<<10)}
}

// next returns the data of the next event, valid until the next call. It returns io.EOF at the end of the stream and
// io.ErrUnexpectedEOF when the stream ends inside an event.
func (r *eventReader) next() ([]byte, error) {
	r.data = r.data[:0]
	var seen bool
	for {
		line, err := r.line()
		if err != nil {
			if errors.Is(err, io.EOF) && (seen || len(line) > 0) {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(line) == 0 {
			if seen {
				return r.data, nil
			}
			continue
		}
		value, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			continue
		}
		if seen {
			r.data = append(r.data, '\n')
		}
		seen = true
		r.data = append(r.data, bytes.TrimPrefix(value, []byte(" "))...)
		if len(r.data) > maxEvent {
			return nil, errEventTooLarge
		}
	}
}

// line returns the next line without its end. Most lines fit the reader's buffer and are not copied.
func (r *eventReader) line() ([]byte, error) {
	line, err := r.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) > maxEvent {
				return nil, errEventTooLarge
			}
			line, err = r.lines.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return line, err
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
}
