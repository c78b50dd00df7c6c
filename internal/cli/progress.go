package cli

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/everpoint/everpoint/internal/engines"
)

// lineEvery is the time between two lines of progress where no terminal shows a bar.
const lineEvery = 3 * time.Second

// progress shows how far fetches have come: bars on a terminal, a line every few seconds elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	mu      sync.Mutex
	bars    *mpb.Progress // nil while there are none, and always where no terminal looks on
	fetches map[string]*fetch
}

// fetch is one thing on its way.
type fetch struct {
	latest   engines.Progress
	started  time.Time
	from     int64 // bytes that were here already when it started: a resumed download is not credited with them
	lastLine time.Time
	finished bool                    // its last line is out
	bar      *mpb.Bar                // with text; nil until it is drawn
	text     *atomic.Pointer[string] // what stands behind the bar
}

// newProgress shows on w, which is a terminal or is not.
func newProgress(w io.Writer) *progress {
	return &progress{out: w, terminal: isTerminal(w), now: time.Now, fetches: map[string]*fetch{}}
}

// Write puts lines above the bars.
func (p *progress) Write(lines []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars != nil {
		return p.bars.Write(lines)
	}
	return p.out.Write(lines)
}

// printf writes a line below what the bars have left.
func (p *progress) printf(format string, args ...any) {
	p.finish()
	_, _ = fmt.Fprintf(p.out, format, args...)
}

// update takes news of one fetch. It may be called from several goroutines.
func (p *progress) update(u engines.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	f := p.fetches[u.Name]
	if f == nil || u.Done < f.latest.Done || u.Steps != f.latest.Steps { // new, or begun again from another source
		fresh := &fetch{started: now, from: u.Done, lastLine: now}
		if f != nil && !f.done() { // a bar that has been full stays so
			fresh.bar, fresh.text = f.bar, f.text
		}
		f = fresh
		p.fetches[u.Name] = f
	}
	f.latest = u
	if p.terminal {
		p.draw(f)
		return
	}
	if done := f.done(); done && !f.finished || !done && now.Sub(f.lastLine) >= lineEvery {
		f.lastLine, f.finished = now, done
		_, _ = fmt.Fprintf(p.out, "%s: %s\n", u.Name, f.describe(now))
	}
}

// draw moves the fetch's bar, and puts one up first when there is none.
func (p *progress) draw(f *fetch) {
	if p.bars == nil {
		p.bars = mpb.New(mpb.WithOutput(p.out), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond), mpb.WithAutoRefresh())
	}
	if f.bar == nil {
		text := &atomic.Pointer[string]{}
		f.text = text
		f.describeForBar(p.now())
		// The bar draws in a goroutine of its own, which we wait for below: it must not wait for our lock.
		f.bar = p.bars.AddBar(f.latest.Total,
			mpb.PrependDecorators(decor.Name(f.latest.Name+" ", decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return *text.Load() })))
	}
	f.describeForBar(p.now())
	f.bar.SetTotal(f.latest.Total, false)
	f.bar.SetCurrent(f.latest.Done)
}

func (f *fetch) describeForBar(now time.Time) {
	text := f.describe(now)
	f.text.Store(&text)
}

func (f *fetch) done() bool { return f.latest.Total > 0 && f.latest.Done >= f.latest.Total }

// describe gives bytes, speed and time left.
func (f *fetch) describe(now time.Time) string {
	u := f.latest
	if u.Steps {
		return fmt.Sprintf("step %d of %d", u.Done, u.Total)
	}
	if f.done() {
		return size(u.Total) + ", fetched"
	}
	of := ""
	if u.Total > 0 {
		of = fmt.Sprintf(" of %s (%d %%)", size(u.Total), u.Done*100/u.Total)
	}
	text := size(u.Done) + of
	seconds := now.Sub(f.started).Seconds()
	if fetched := u.Done - f.from; fetched > 0 && seconds > 0 {
		speed := float64(fetched) / seconds
		text += ", " + size(int64(speed)) + "/s"
		if u.Total > 0 {
			left := time.Duration(float64(u.Total-u.Done) / speed * float64(time.Second))
			text += ", " + left.Round(time.Second).String() + " left"
		}
	}
	return text
}

// finish leaves the last state of every bar on the screen; further fetches get new ones.
func (p *progress) finish() {
	p.mu.Lock()
	bars := p.bars
	var drawn []*mpb.Bar
	for _, f := range p.fetches {
		if f.bar != nil {
			drawn = append(drawn, f.bar)
		}
	}
	p.mu.Unlock()
	if bars == nil {
		return
	}
	for _, b := range drawn {
		b.Abort(false) // what is complete stays so; the others would keep Wait waiting
	}
	bars.Wait()
	p.mu.Lock()
	p.bars, p.fetches = nil, map[string]*fetch{}
	p.mu.Unlock()
}
