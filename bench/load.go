package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// target is an API that load is sent to.
type target struct {
	url, key string
	client   *http.Client
}

func newTarget(url, key string) *target {
	return &target{url: url + "/v1/chat/completions", key: key, client: &http.Client{Transport: &http.Transport{
		MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, DisableCompression: true,
	}}}
}

// send makes one request and reads the answer into buf. It reports whether the answer is whole.
func (t *target) send(ctx context.Context, body, wanted []byte, buf *bytes.Buffer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if t.key != "" {
		req.Header.Set("Authorization", "Bearer "+t.key)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	buf.Reset()
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		return err
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %.200s", resp.Status, buf.Bytes())
	case !bytes.Contains(buf.Bytes(), wanted):
		return fmt.Errorf("not a whole answer: %.200s", buf.Bytes())
	}
	return nil
}

// load is what came of a stretch of load.
type load struct {
	latencies []time.Duration // from the moment at which each request was due; failures are not among them
	sent      int
	failed    int
	firstErr  error
	late      []time.Duration // how long after its moment each request was sent
	cpu       time.Duration   // what the generator itself used
}

func (l *load) add(m load) {
	l.latencies, l.late = append(l.latencies, m.latencies...), append(l.late, m.late...)
	l.sent, l.failed, l.cpu = l.sent+m.sent, l.failed+m.failed, l.cpu+m.cpu
	if l.firstErr == nil {
		l.firstErr = m.firstErr
	}
}

// openLoop sends requests at a constant rate, whatever becomes of those before: each has its moment, and its latency
// counts from that moment, so that a server which stalls pays for every request that had to wait. Senders are goroutines
// that are already there; when all are busy the next request is late, and its latency says so.
func openLoop(ctx context.Context, t *target, body, wanted []byte, rate int, length time.Duration) (load, error) {
	const senders = 512
	total := int(length.Seconds() * float64(rate))
	interval := time.Second / time.Duration(rate)
	latencies := make([]time.Duration, total)
	late := make([]time.Duration, total)
	failures := make([]error, total)
	due := make(chan int, total) // never full: the pacer does not wait for anybody
	var workers sync.WaitGroup
	cpuBefore := ownCPU()
	began := time.Now().Add(10 * time.Millisecond)
	moment := func(i int) time.Time { return began.Add(time.Duration(i) * interval) }
	for range min(senders, total) {
		workers.Go(func() {
			var buf bytes.Buffer
			for i := range due {
				late[i] = time.Since(moment(i))
				failures[i] = t.send(ctx, body, wanted, &buf)
				latencies[i] = time.Since(moment(i))
			}
		})
	}
	workers.Go(func() {
		sleep, done := pacer()
		defer done()
		defer close(due)
		for i := range total {
			if ctx.Err() != nil {
				return
			}
			sleep(moment(i))
			due <- i
		}
	})
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return load{}, err
	}
	l := load{sent: total, late: late, cpu: ownCPU() - cpuBefore}
	for i, err := range failures {
		if err == nil {
			l.latencies = append(l.latencies, latencies[i])
			continue
		}
		l.failed++
		if l.firstErr == nil {
			l.firstErr = err
		}
	}
	if len(l.latencies) == 0 {
		return l, fmt.Errorf("no request succeeded: %w", errors.Join(l.firstErr, io.ErrUnexpectedEOF))
	}
	return l, nil
}

// ownCPU is the processor time that this program has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
