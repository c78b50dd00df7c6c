package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/everpoint/everpoint/internal/engines"
)

// lineEvery is the time between two lines of progress where no terminal shows a bar.
const lineEvery = 3 * time.Second

// progress shows how far fetches have come: bars on a terminal, a line every few seconds elsewhere.
type progress struct {
	out io.Writer
	now func() time.Time

	mu      sync.Mutex
	bars    *mpb.Progress // nil when no terminal looks on
	fetches map[string]*fetch
}

// fetch is one thing on its way.
type fetch struct {
	latest   engines.Progress
	started  time.Time
	from     int64 // bytes that were here already when it started: a resumed download is not credited with them
	lastLine time.Time
	bar      *mpb.Bar
}

// newProgress shows on w, which is a terminal or is not.
func newProgress(w io.Writer) *progress {
	p := &progress{out: w, now: time.Now, fetches: map[string]*fetch{}}
	if isTerminal(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return p
}

// Write puts lines above the bars.
func (p *progress) Write(lines []byte) (int, error) {
	if p.bars != nil {
		return p.bars.Write(lines)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(lines)
}

func (p *progress) printf(format string, args ...any) { _, _ = fmt.Fprintf(p, format, args...) }

// update takes news of one fetch. It may be called from several goroutines.
func (p *progress) update(u engines.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	f := p.fetches[u.Name]
	if f == nil || u.Done < f.latest.Done { // new, or begun again from another source
		fresh := &fetch{started: now, from: u.Done, lastLine: now}
		if f != nil {
			fresh.bar = f.bar
		}
		f = fresh
		p.fetches[u.Name] = f
	}
	f.latest = u
	if p.bars != nil {
		p.draw(f)
		return
	}
	if finished := u.Total > 0 && u.Done >= u.Total; finished || now.Sub(f.lastLine) >= lineEvery {
		f.lastLine = now
		_, _ = fmt.Fprintf(p.out, "%s: %s\n", u.Name, f.describe(now))
	}
}

// draw moves the fetch's bar, and puts one up first when there is none.
func (p *progress) draw(f *fetch) {
	if f.bar == nil {
		name := f.latest.Name
		f.bar = p.bars.AddBar(f.latest.Total,
			mpb.PrependDecorators(decor.Name(name+" ", decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.fetches[name].describe(p.now())
			})))
	}
	f.bar.SetTotal(f.latest.Total, false)
	f.bar.SetCurrent(f.latest.Done)
}

// describe gives bytes, speed and time left.
func (f *fetch) describe(now time.Time) string {
	u := f.latest
	if u.Total > 0 && u.Done >= u.Total {
		return size(u.Total) + ", done"
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

// close leaves the last state of every bar on the screen. No update may follow.
func (p *progress) close() {
	if p.bars == nil {
		return
	}
	p.mu.Lock()
	bars := make([]*mpb.Bar, 0, len(p.fetches))
	for _, f := range p.fetches {
		if f.bar != nil {
			bars = append(bars, f.bar)
		}
	}
	p.mu.Unlock()
	for _, b := range bars {
		b.Abort(false) // finished ones are left as they are; others would keep Wait waiting
	}
	p.bars.Wait()
}
