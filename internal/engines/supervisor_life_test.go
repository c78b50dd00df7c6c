package engines

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// What Acquire has fetched before an engine can start, and how all ends.

func TestFetchOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lib := newLibrary(t, "")
		lib.missing["a"], lib.noEngine = true, true
		arrived := make(chan struct{})
		lib.pull = func(context.Context) error { <-arrived; return nil }
		s, f := newFake(t, lib, SupervisorOptions{})
		var requests []*request
		for range 5 {
			requests = append(requests, ask(t.Context(), s, "a"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		bounded := ask(ctx, s, "a")
		wantState(t, s, "a", StatePulling)
		<-bounded.done
		if !errors.Is(bounded.err, context.DeadlineExceeded) {
			t.Fatalf("a request with a deadline: %v", bounded.err)
		}
		close(arrived)
		for _, r := range requests {
			<-r.done
			if r.err != nil {
				t.Fatal(r.err)
			}
			r.lease.Release()
		}
		if lib.pulls != 1 || lib.installs != 1 || f.count() != 1 {
			t.Fatalf("%d pulls, %d installs, %d starts", lib.pulls, lib.installs, f.count())
		}
	})
}

func TestInstallOnceForTwoModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lib := newLibrary(t, "")
		lib.noEngine = true
		arrived := make(chan struct{})
		lib.pull = func(context.Context) error { <-arrived; return nil }
		s, _ := newFake(t, lib, SupervisorOptions{})
		a := ask(t.Context(), s, "a")
		b := make(chan error)
		go func() { // waits for a mutex, which synctest.Wait does not wait for
			lease, err := s.Acquire(t.Context(), "b")
			if err == nil {
				lease.Release()
			}
			b <- err
		}()
		for state(t, s, "b") != StatePulling { // it has seen that there is no engine
			runtime.Gosched()
		}
		close(arrived)
		<-a.done
		if err := errors.Join(a.err, <-b); err != nil {
			t.Fatal(err)
		}
		a.lease.Release()
		if lib.installs != 1 {
			t.Errorf("%d installs", lib.installs)
		}
	})
}

func TestFetchFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lib := newLibrary(t, "")
		lib.missing["a"] = true
		s, f := newFake(t, lib, SupervisorOptions{})
		lib.pull = func(context.Context) error { return apierror.Unavailablef("model_unavailable", "No source has it.") }
		_, err := s.Acquire(t.Context(), "a")
		wantRefusal(t, err, "No source has it.") // the library's own words
		lib.pull = func(context.Context) error { return errors.New("disk on fire") }
		_, err = s.Acquire(t.Context(), "a")
		e := want503(t, err, "`a`", "`everpoint models pull a`")
		if strings.Contains(e.Message, "fire") {
			t.Errorf("the client is told an internal cause: %q", e.Message)
		}
		wantState(t, s, "a", StateStopped)
		lib.pull = func(context.Context) error { return nil }
		acquire(t, s, "a").Release()
		if f.count() != 1 || lib.pulls != 3 {
			t.Errorf("%d starts, %d pulls", f.count(), lib.pulls)
		}
	})
}

func TestStartPullsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lib := newLibrary(t, "")
		lib.missing["a"], lib.missing["b"] = true, true
		lib.pull = func(context.Context) error { return nil }
		s, f := newFake(t, lib, SupervisorOptions{Pull: []string{"a", "c", "not known"}})
		synctest.Wait()
		if lib.pulls != 1 || lib.missing["a"] || !lib.missing["b"] {
			t.Fatalf("%d pulls, missing %v", lib.pulls, lib.missing)
		}
		if f.count() != 0 {
			t.Fatal("a background pull loaded the model")
		}
		wantState(t, s, "a", StateStopped)
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lib := newLibrary(t, "")
		lib.missing["c"] = true
		lib.pull = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		s, f := newFake(t, lib, SupervisorOptions{Memory: 10})
		lease := acquire(t, s, "a")
		var waiting []*request
		for _, id := range []string{"a", "b", "c"} { // for a slot, for memory, for a pull
			waiting = append(waiting, ask(t.Context(), s, id))
		}
		s.Stop()
		s.Stop()
		for _, r := range waiting {
			<-r.done
			wantRefusal(t, r.err, "shutting down")
		}
		<-lease.Died()
		lease.Release()
		if f.count() != 1 {
			t.Errorf("%d starts", f.count())
		}
		_, err := s.Acquire(t.Context(), "a")
		wantRefusal(t, err, "shutting down")
	})
}

func TestStopWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		f.ready = func(ctx context.Context, _ *process) error { <-ctx.Done(); return ctx.Err() }
		r := ask(t.Context(), s, "a")
		wantState(t, s, "a", StateLoading)
		s.Stop()
		<-r.done
		wantRefusal(t, r.err, "shutting down")
		<-f.started[0].done
	})
}

// TestStopWhenJustReady has the engine get ready although Stop was called.
func TestStopWhenJustReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{})
		f.ready = func(ctx context.Context, _ *process) error { <-ctx.Done(); return nil }
		r := ask(t.Context(), s, "a")
		s.Stop()
		<-r.done
		wantRefusal(t, r.err, "shutting down")
		if !f.started[0].ended() {
			t.Error("its process lives on")
		}
	})
}

func TestAcquireBeforeStart(t *testing.T) {
	s := newSupervisor(newLibrary(t, ""), SupervisorOptions{})
	if _, err := s.Acquire(t.Context(), "a"); !errors.Is(err, errNotStarted) {
		t.Fatal(err)
	}
	s.Stop()
}
