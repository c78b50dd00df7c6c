package cli

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/everpoint/everpoint/internal/engines"
)

func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	now := time.Unix(0, 0)
	p.now = func() time.Time { return now }
	for _, step := range []struct {
		after time.Duration
		u     engines.Progress
		line  string
	}{
		{0, engines.Progress{Name: "m", Done: 100e6, Total: 500e6}, ""}, // resumed: 100 MB were here
		{time.Second, engines.Progress{Name: "m", Done: 150e6, Total: 500e6}, ""},
		{4 * time.Second, engines.Progress{Name: "m", Done: 200e6, Total: 500e6}, "m: 200 MB of 500 MB (40 %), 20 MB/s, 15s left\n"},
		{time.Second, engines.Progress{Name: "m", Done: 210e6, Total: 500e6}, ""},
		{0, engines.Progress{Name: "n", Done: 1}, ""},
		{3 * time.Second, engines.Progress{Name: "n", Done: 3e6}, "n: 3 MB, 1 MB/s\n"}, // of unknown size
		{0, engines.Progress{Name: "m", Done: 0, Total: 400e6}, ""},                    // from another source
		{4 * time.Second, engines.Progress{Name: "m", Done: 200e6, Total: 400e6}, "m: 200 MB of 400 MB (50 %), 50 MB/s, 4s left\n"},
		{time.Millisecond, engines.Progress{Name: "m", Done: 400e6, Total: 400e6}, "m: 400 MB, fetched\n"},
		{time.Hour, engines.Progress{Name: "m", Done: 400e6, Total: 400e6}, ""},
		{time.Hour, engines.Progress{Name: "e", Done: 1, Total: 300, Steps: true}, ""},
		{3 * time.Second, engines.Progress{Name: "e", Done: 2, Total: 300, Steps: true}, "e: step 2 of 300\n"},
	} {
		now = now.Add(step.after)
		out.Reset()
		p.update(step.u)
		if out.String() != step.line {
			t.Errorf("%+v printed %q, want %q", step.u, out.String(), step.line)
		}
	}
	out.Reset()
	p.printf("ready\n")
	slog.New(noteHandler{p}).Info("not worth a line")
	slog.New(noteHandler{p}).Warn("waiting", "file", "x")
	if out.String() != "ready\neverpoint: waiting, file: x\n" {
		t.Errorf("got %q", out.String())
	}
}

// TestProgressBars lets bars draw as on a terminal, whose escape codes are not looked at.
func TestProgressBars(t *testing.T) {
	out := newScreen()
	p := newProgress(out)
	p.terminal = true
	for i := range int64(101) {
		p.update(engines.Progress{Name: "model", Done: i * 1e6, Total: 100e6})
		p.update(engines.Progress{Name: "engine", Done: i, Total: 200, Steps: true})
	}
	p.update(engines.Progress{Name: "model", Done: 5, Total: 9, Steps: true}) // another bar: the first is full
	slog.New(noteHandler{p}).Warn("a note")
	p.printf("model: ready\n")
	for _, want := range []string{"100 MB, fetched", "step 100 of 200", "step 5 of 9", "everpoint: a note\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	if !strings.HasSuffix(out.String(), "model: ready\n") {
		t.Errorf("the last line is not below the bars: %q", out)
	}
}
