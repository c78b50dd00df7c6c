package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// measureScripted sends the same load to a scripted engine and to Everpoint in front of it, in turns.
func measureScripted(ctx context.Context, o options, r *report) error {
	dir, err := os.MkdirTemp("", "everpoint-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	engine, url, err := startFakeEngine(ctx, o, dir)
	if err != nil {
		return err
	}
	defer engine.Stop()
	s, err := startServer(ctx, o, dir, fmt.Sprintf("log: {level: warn}\nengines: {offline: true}\nmodels: {chat: bench, names: {bench: {url: %q, kind: chat, context: 16384}}}\n", url))
	if err != nil {
		return err
	}
	defer s.Stop()

	floor, product := newTarget(url, ""), newTarget(s.URL, s.Key)
	turns, length := 3, 10*time.Second
	if o.quick {
		turns, length = 2, 2*time.Second
	}
	for _, w := range []struct {
		name, body, wanted string
	}{
		{"chat", `{"model":"bench","messages":[{"role":"user","content":"Hello there, how are you today?"}]}`, `"finish_reason":"stop"`},
		{"chat, streamed", `{"model":"bench","messages":[{"role":"user","content":"Hello there, how are you today?"}],"stream":true}`, "data: [DONE]"},
	} {
		progressf("%s at %d requests per second, %d × %s each", w.name, o.rate, turns, length)
		var direct, through load
		cpuBefore, err := cpu(s.Process)
		if err != nil {
			return err
		}
		for _, t := range []*target{floor, product} { // fills the pools of connections
			if _, err := openLoop(ctx, t, []byte(w.body), []byte(w.wanted), o.rate, time.Second); err != nil {
				return err
			}
		}
		for range turns {
			for _, side := range []struct {
				t *target
				l *load
			}{{floor, &direct}, {product, &through}} {
				l, err := openLoop(ctx, side.t, []byte(w.body), []byte(w.wanted), o.rate, length)
				if err != nil {
					return err
				}
				side.l.add(l)
			}
		}
		cpuAfter, err := cpu(s.Process)
		if err != nil {
			return err
		}
		r.addLoad(w.name, o.rate, direct, through, (cpuAfter-cpuBefore)/time.Duration(through.sent+o.rate))
	}
	rss, err := resident(s.Process)
	if err != nil {
		return err
	}
	mb := float64(rss) / (1 << 20)
	r.add(figure{Name: "memory of the server after that load (RSS)", Product: mb, Unit: "MiB", Goal: "≤ 64", missed: mb - 64})
	return nil
}

// addLoad adds the figures of one kind of request.
func (r *report) addLoad(name string, rate int, direct, through load, cpu time.Duration) {
	at := fmt.Sprintf("%s at %d/s: ", name, rate)
	for _, q := range []struct {
		name string
		at   float64
		goal string
	}{{"p50", 0.5, "≤ 0.5"}, {"p99", 0.99, ""}} {
		a, b := ms(quantile(direct.latencies, q.at)), ms(quantile(through.latencies, q.at))
		f := figure{Name: at + q.name, Direct: &a, Product: b, Unit: "ms", Added: new(float64)}
		*f.Added = b - a
		if q.goal != "" {
			f.Goal, f.missed = q.goal+" added", *f.Added-0.5
		}
		r.add(f)
	}
	a, b := 100*float64(len(direct.latencies))/float64(direct.sent), 100*float64(len(through.latencies))/float64(through.sent)
	f := figure{Name: at + "answered", Direct: &a, Product: b, Unit: "%"}
	if through.firstErr != nil {
		f.Note = "first failure: " + through.firstErr.Error()
	}
	r.add(f)
	r.add(figure{Name: at + "processor time of the server", Product: float64(cpu.Microseconds()), Unit: "µs/request",
		Note: fmt.Sprintf("the load generator itself: %d µs; it sent at p50 %.2f ms and p99 %.2f ms after the moment",
			(direct.cpu+through.cpu).Microseconds()/int64(direct.sent+through.sent), ms(median(through.late)), ms(quantile(through.late, 0.99)))})
}
