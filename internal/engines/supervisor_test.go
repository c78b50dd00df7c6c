package engines

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// newFake starts a supervisor of fake processes, to be used inside a synctest bubble.
func newFake(t *testing.T, lib *fakeLibrary, o SupervisorOptions) (*Supervisor, *fakeProcesses) {
	t.Helper()
	s, f := newSupervisor(lib, o), &fakeProcesses{}
	s.start, s.ready = f.start, f.wait
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s, f
}

func acquire(t *testing.T, s *Supervisor, id string) *Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), id)
	if err != nil {
		t.Fatalf("Acquire(%s): %v", id, err)
	}
	return l
}

// want503 checks that err is a 503 whose text for the client holds all the words.
func want503(t *testing.T, err error, words ...string) *apierror.Error {
	t.Helper()
	e, ok := apierror.As(err)
	if !ok || e.Status != 503 {
		t.Fatalf("got %v, want a 503", err)
	}
	for _, word := range words {
		if !strings.Contains(e.Message, word) {
			t.Errorf("message %q lacks %q", e.Message, word)
		}
	}
	return e
}

// wantRefusal is want503 where nothing else of the error is of interest.
func wantRefusal(t *testing.T, err error, words ...string) {
	t.Helper()
	_ = want503(t, err, words...)
}

func state(t *testing.T, s *Supervisor, id string) State {
	t.Helper()
	for _, status := range s.Status() {
		if status.Model == id {
			return status.State
		}
	}
	return ""
}

func wantState(t *testing.T, s *Supervisor, id string, want State) {
	t.Helper()
	synctest.Wait()
	if got := state(t, s, id); got != want {
		t.Fatalf("engine of %s is %s, want %s", id, got, want)
	}
}

// request is an Acquire in the background.
type request struct {
	lease *Lease
	err   error
	done  chan struct{}
}

func ask(ctx context.Context, s *Supervisor, id string) *request {
	r := &request{done: make(chan struct{})}
	go func() {
		r.lease, r.err = s.Acquire(ctx, id)
		close(r.done)
	}()
	synctest.Wait() // it is in the queue now
	return r
}

func (r *request) over() bool {
	synctest.Wait()
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func TestAcquireStartsOnDemandAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lib := newLibrary(t, "")
		model := lib.models["a"]
		model.Slots = 2
		lib.models["a"] = model
		s, f := newFake(t, lib, SupervisorOptions{})
		if f.count() != 0 {
			t.Fatal("an engine was started before anybody asked")
		}
		first, second := acquire(t, s, "a"), acquire(t, s, "a")
		if f.count() != 1 {
			t.Fatalf("%d processes for two slots of one model", f.count())
		}
		if first.URL == "" || first.Key == "" || first.Model.ID != "a" || first.EngineVersion != "fake 1" {
			t.Fatalf("incomplete lease %+v", first)
		}
		third := ask(t.Context(), s, "a")
		if third.over() {
			t.Fatal("a third answer on two slots")
		}
		if status := s.Status()[0]; status.Busy != 2 || status.Queue != 1 || status.State != StateReady {
			t.Fatalf("status %+v", status)
		}
		first.Release()
		first.Release() // a second time must not free a second slot
		if !third.over() || third.err != nil {
			t.Fatalf("a free slot was not given: %v", third.err)
		}
		if fourth := ask(t.Context(), s, "a"); fourth.over() {
			t.Fatal("a slot was given twice")
		}
		second.Release()
		third.lease.Release()
	})
}

func TestAcquireUnknownModel(t *testing.T) {
	s := newSupervisor(newLibrary(t, ""), SupervisorOptions{})
	_, err := s.Acquire(t.Context(), "nope")
	if e, ok := apierror.As(err); !ok || e.Status != 404 || e.Code != "model_not_found" {
		t.Fatalf("got %v", err)
	}
}

func TestQueueIsFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		lease := acquire(t, s, "a")
		var requests []*request
		for range 8 {
			requests = append(requests, ask(t.Context(), s, "a"))
		}
		for i, r := range requests {
			lease.Release()
			for j, other := range requests {
				if other.over() != (j <= i) {
					t.Fatalf("after %d releases, request %d is over: %v", i+1, j, other.over())
				}
			}
			lease = r.lease
		}
		lease.Release()
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		lease := acquire(t, s, "a")
		requests := make([]*request, queueLimit)
		for i := range requests {
			requests[i] = ask(t.Context(), s, "a")
		}
		_, err := s.Acquire(t.Context(), "a")
		if e := want503(t, err, "currently overloaded"); e.RetryAfter != time.Second {
			t.Errorf("Retry-After %v", e.RetryAfter)
		}
		for _, r := range requests {
			lease.Release()
			<-r.done
			if r.err != nil {
				t.Fatal(r.err)
			}
			lease = r.lease
		}
		lease.Release()
		acquire(t, s, "a").Release()
	})
}

func TestCancelLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		lease := acquire(t, s, "a")
		ctx, cancel := context.WithCancel(t.Context())
		impatient, next := ask(ctx, s, "a"), ask(t.Context(), s, "a")
		cancel()
		if !impatient.over() || !errors.Is(impatient.err, context.Canceled) {
			t.Fatalf("a cancelled request still waits: %v", impatient.err)
		}
		if queue := s.Status()[0].Queue; queue != 1 {
			t.Fatalf("%d in the queue", queue)
		}
		lease.Release()
		if !next.over() || next.err != nil {
			t.Fatal("the request behind a cancelled one got no slot")
		}
		next.lease.Release()
	})
}

// TestCancelAtTheSameMomentLosesNoSlot has a request give up just after its turn came.
func TestCancelAtTheSameMomentLosesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lib := newLibrary(t, "")
		s, _ := newFake(t, lib, SupervisorOptions{})
		acquire(t, s, "a").Release()
		e, w, err := s.enter(lib.models["a"])
		if err != nil || len(w.turn) != 1 {
			t.Fatalf("a free slot was not given: %v", err)
		}
		s.leave(e, w)
		if status := s.Status()[0]; status.Busy != 0 || status.Queue != 0 {
			t.Fatalf("after it has left: %+v", status)
		}
		acquire(t, s, "a").Release()
	})
}

func TestCrashInMidAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		lease := acquire(t, s, "a")
		queued := ask(t.Context(), s, "a")
		f.crash()
		<-lease.Died()
		if e := lease.Fault(errors.New("connection reset")); e.Status != 502 || !strings.Contains(e.Message, "stopped while it worked") {
			t.Fatalf("fault %v", e)
		}
		wantState(t, s, "a", StateBackoff)
		<-queued.done // waits out the backoff on the bubble's clock
		if queued.err != nil {
			t.Fatalf("a request that was in the queue during the crash: %v", queued.err)
		}
		if f.count() != 2 {
			t.Fatalf("%d processes were started", f.count())
		}
		lease.Release() // of the process that is gone: must not free the new one's slot
		if status := s.Status()[0]; status.Busy != 1 || status.Restarts != 1 || status.State != StateReady {
			t.Fatalf("status %+v", status)
		}
		queued.lease.Release()
	})
}

// TestNoSlotOfADeadProcess asks in the moment between the end of a process and its watch's noticing.
func TestNoSlotOfADeadProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		acquire(t, s, "a").Release()
		w := &waiter{turn: make(chan turn, 1)}
		s.mu.Lock() // watch cannot go on
		f.crash()
		e := s.engines["a"]
		e.waiters = append(e.waiters, w)
		s.serve(e)
		s.mu.Unlock()
		got := <-w.turn
		if got.err != nil || got.lease.process != f.started[1] {
			t.Fatalf("got a slot of the dead process, or %v", got.err)
		}
		got.lease.Release()
	})
}

func TestFaultKillsAnEngineThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		lease := acquire(t, s, "a")
		if e := lease.Fault(errors.New("broken pipe")); e.Status != 502 {
			t.Fatal(e)
		}
		wantState(t, s, "a", StateReady) // it is healthy: one bad connection is no reason
		f.ready = func(ctx context.Context, _ *process) error { <-ctx.Done(); return ctx.Err() }
		if e := lease.Fault(errors.New("timeout")); e.Status != 502 {
			t.Fatal(e)
		}
		wantState(t, s, "a", StateBackoff)
		f.ready = nil
		lease.Release()
		acquire(t, s, "a").Release()
	})
}

func TestBackoffGrowsAndACrashLoopIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		pause := firstBackoff
		for n := 1; n <= 9; n++ {
			lease := acquire(t, s, "a")
			crashed := time.Now()
			f.crash()
			synctest.Wait()
			lease.Release()
			if n >= crashLoop {
				wantState(t, s, "a", StateFailed)
				_, err := s.Acquire(t.Context(), "a")
				e := want503(t, err, "`a`", "`everpoint engines doctor`")
				if e.RetryAfter <= 0 || e.RetryAfter > pause+time.Second {
					t.Errorf("after failure %d, Retry-After %v", n, e.RetryAfter)
				}
				time.Sleep(pause) // the bubble's clock
			}
			acquire(t, s, "a").Release()
			if waited := f.at[len(f.at)-1].Sub(crashed); waited < pause/2 || waited > pause {
				t.Errorf("after failure %d the next start came after %v, want %v to %v", n, waited, pause/2, pause)
			}
			pause = min(2*pause, longestBackoff)
		}
		time.Sleep(provenAfter)
		f.crash()
		wantState(t, s, "a", StateBackoff) // it had run for long: the count begins again
		acquire(t, s, "a").Release()
	})
}

func TestNeverReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{StartTimeout: 7 * time.Second})
		f.ready = func(ctx context.Context, _ *process) error { <-ctx.Done(); return ctx.Err() }
		began := time.Now()
		_, err := s.Acquire(t.Context(), "a")
		wantRefusal(t, err, "`a`", "7s", "`everpoint engines doctor`")
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
		select {
		case <-f.started[0].done:
		default:
			t.Error("the process was not killed")
		}
		if s.used != 0 {
			t.Errorf("%d bytes of memory are still reserved", s.used)
		}
	})
}

func TestIdleUnload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{Idle: time.Minute})
		acquire(t, s, "a").Release()
		time.Sleep(40 * time.Second)
		acquire(t, s, "a").Release() // which begins the minute again
		time.Sleep(40 * time.Second)
		lease := acquire(t, s, "a")
		time.Sleep(2 * time.Minute)
		wantState(t, s, "a", StateReady) // never in the middle of an answer
		lease.Release()
		time.Sleep(59 * time.Second)
		wantState(t, s, "a", StateReady)
		time.Sleep(2 * time.Second)
		wantState(t, s, "a", StateStopped)
		if s.used != 0 {
			t.Errorf("%d bytes of memory are still reserved", s.used)
		}
		acquire(t, s, "a").Release()
		if f.count() != 2 {
			t.Errorf("%d starts", f.count())
		}
	})
}

// TestIdleTimerComesTooLate has the engine used again between the timer's end and what it does.
func TestIdleTimerComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{Idle: time.Minute})
		for name, use := range map[string]func(*engine){
			"an answer is being made": func(e *engine) { e.busy = 1 },
			"an answer was made":      func(e *engine) { e.lastUsed = time.Now() },
		} {
			lease := acquire(t, s, "a")
			lease.Release()
			s.mu.Lock()
			time.Sleep(time.Minute) // the timer's function waits for mu
			use(lease.engine)
			s.mu.Unlock()
			synctest.Wait()
			if state(t, s, "a") != StateReady {
				t.Errorf("unloaded although %s", name)
			}
			s.mu.Lock()
			lease.engine.busy = 0
			s.mu.Unlock()
		}
	})
}

func TestIdleZeroNeverUnloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		acquire(t, s, "a").Release()
		time.Sleep(1000 * time.Hour)
		wantState(t, s, "a", StateReady)
	})
}

// TestEverythingAtOnce throws requests, crashes and cancellations at three models that do not fit together, and checks
// that nothing is lost.
func TestEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{Memory: 20, Idle: 3 * time.Second})
		var requests sync.WaitGroup
		for range 30 {
			requests.Go(func() {
				for range 20 {
					ctx, cancel := context.WithTimeout(t.Context(), rand.N(time.Minute))
					l, err := s.Acquire(ctx, []string{"a", "b", "c"}[rand.N(3)])
					if err == nil {
						time.Sleep(rand.N(time.Second))
						if rand.N(20) == 0 {
							l.process.signal(0)
						}
						l.Release()
					} else if e, ok := apierror.As(err); (!ok || e.Status != 503) && ctx.Err() == nil {
						t.Errorf("unexpected: %v", err)
					}
					cancel()
				}
			})
		}
		requests.Wait()
		time.Sleep(time.Hour)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.engines {
			if e.busy != 0 || len(e.waiters) != 0 || e.process != nil || e.bringing || e.reserved != 0 {
				t.Errorf("%s after the storm: %+v", e.model.ID, e)
			}
		}
		if s.used != 0 || len(s.queue) != 0 {
			t.Errorf("%d bytes in use, %d wait for memory", s.used, len(s.queue))
		}
		if f.count() < 3 {
			t.Errorf("only %d starts", f.count())
		}
	})
}

func TestStatusIsOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		for _, id := range []string{"c", "a", "b"} {
			acquire(t, s, id).Release()
		}
		var ids []string
		for _, status := range s.Status() {
			ids = append(ids, fmt.Sprint(status.Model, status.Slots, status.Memory))
		}
		if !slices.Equal(ids, []string{"a1 10", "b1 10", "c1 10"}) {
			t.Fatal(ids)
		}
	})
}
