package upstream

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func readAll(r io.Reader) (events []string, err error) {
	reader := newEventReader(r)
	for {
		data, err := reader.next()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, string(data))
	}
}

func TestEventReader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000)
	for _, tt := range []struct {
		name, in string
		want     []string
		err      error
	}{
		{name: "empty", in: ""},
		{name: "two events", in: "data: a\n\ndata: b\n\n", want: []string{"a", "b"}},
		{name: "no space after the colon", in: "data:a\n\n", want: []string{"a"}},
		{name: "only one space is taken", in: "data:  a\n\n", want: []string{" a"}},
		{name: "CRLF", in: "data: a\r\n\r\ndata: b\r\n\r\n", want: []string{"a", "b"}},
		{name: "comments and other fields", in: ": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n", want: []string{"a"}},
		{name: "several data lines", in: "data: a\ndata: b\n\n", want: []string{"a\nb"}},
		{name: "empty data", in: "data:\n\n", want: []string{""}},
		{name: "longer than the buffer", in: "data: " + long + "\n\n", want: []string{long}},
		{name: "more blank lines", in: "\n\ndata: a\n\n\n\n", want: []string{"a"}},
		{name: "cut after the data line", in: "data: a\n", err: io.ErrUnexpectedEOF},
		{name: "cut inside a line", in: "data: a\n\ndata: b", want: []string{"a"}, err: io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, in := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				got, err := readAll(in)
				if !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				if strings.Join(got, "|") != strings.Join(tt.want, "|") || len(got) != len(tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestEventReaderBoundsAnEvent(t *testing.T) {
	t.Parallel()
	endless := io.MultiReader(strings.NewReader("data: "), &repeat{'x'})
	if _, err := readAll(endless); !errors.Is(err, errEventTooLarge) {
		t.Errorf("a line without end: %v, want %v", err, errEventTooLarge)
	}
	lines := io.MultiReader(strings.NewReader("data: "), strings.NewReader(strings.Repeat("data: "+strings.Repeat("y", 1000)+"\n", maxEvent/1000+1)))
	if _, err := readAll(lines); !errors.Is(err, errEventTooLarge) {
		t.Errorf("lines without end: %v, want %v", err, errEventTooLarge)
	}
}

// repeat is one byte for ever.
type repeat struct{ b byte }

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.b
	}
	return len(p), nil
}

// FuzzEventReader shows that reading byte by byte makes no difference, that nothing panics, and that data which is
// written as an event comes back as it was.
func FuzzEventReader(f *testing.F) {
	f.Add([]byte("data: a\n\n"))
	f.Add([]byte("data: {\"choices\":[]}\r\n\r\n: c\ndata:x\ndata: y\n\n"))
	f.Add([]byte("event: error\ndata: [DONE]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err1 := readAll(bytes.NewReader(in))
		bytewise, err2 := readAll(iotest.OneByteReader(bytes.NewReader(in)))
		if (err1 == nil) != (err2 == nil) || strings.Join(whole, "\x00") != strings.Join(bytewise, "\x00") {
			t.Fatalf("read whole: %q, %v; byte by byte: %q, %v", whole, err1, bytewise, err2)
		}
		text := strings.NewReplacer("\n", "", "\r", "").Replace(string(in))
		back, err := readAll(strings.NewReader("data: " + text + "\n\n"))
		if err != nil || len(back) != 1 || back[0] != text {
			t.Fatalf("%q came back as %q, %v", text, back, err)
		}
	})
}
