package engines

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestEvictsLeastRecentlyUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{Memory: 20})
		acquire(t, s, "b").Release()
		time.Sleep(time.Minute)
		acquire(t, s, "a").Release()
		time.Sleep(time.Minute)
		acquire(t, s, "b").Release() // loaded first, but used last
		time.Sleep(time.Minute)
		acquire(t, s, "c").Release()
		wantState(t, s, "a", StateStopped)
		wantState(t, s, "b", StateReady)
		wantState(t, s, "c", StateReady)
		if s.used != 20 {
			t.Errorf("%d bytes in use", s.used)
		}
	})
}

func TestEvictsNoneThatIsAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFake(t, newLibrary(t, ""), SupervisorOptions{Memory: 20})
		longest := acquire(t, s, "a")
		time.Sleep(time.Minute)
		acquire(t, s, "b").Release()
		time.Sleep(time.Minute)
		acquire(t, s, "c").Release()
		wantState(t, s, "a", StateReady)
		wantState(t, s, "b", StateStopped)
		longest.Release()
	})
}

func TestWaitsForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{Memory: 10})
		lease := acquire(t, s, "a")
		ctx, cancel := context.WithCancel(t.Context())
		impatient, patient := ask(ctx, s, "b"), ask(t.Context(), s, "c")
		time.Sleep(time.Hour)
		wantState(t, s, "b", StateWaiting)
		if impatient.over() || patient.over() || f.count() != 1 {
			t.Fatal("a model was loaded beside one that fills the memory and is answering")
		}
		cancel()
		<-impatient.done
		if !errors.Is(impatient.err, context.Canceled) {
			t.Fatal(impatient.err)
		}
		synctest.Wait()
		lease.Release()
		released := time.Now()
		<-patient.done
		if patient.err != nil {
			t.Fatal(patient.err)
		}
		if waited := time.Since(released); waited != 0 { // after an hour of patience, at once
			t.Errorf("it waited for another %v", waited)
		}
		wantState(t, s, "a", StateStopped)
		wantState(t, s, "b", StateStopped) // nobody wanted it any more
		patient.lease.Release()
		if f.count() != 2 {
			t.Errorf("%d starts", f.count())
		}
	})
}

// TestTwoBusyModelsTakeTurns has two clients who each ask one model again and again, in memory for one. Both must get on,
// and the models must not be swapped for every request.
func TestTwoBusyModelsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{Memory: 10})
		answers := map[string]int{}
		end := time.Now().Add(10 * time.Minute)
		done := make(chan string)
		for _, id := range []string{"a", "b"} {
			go func() {
				for time.Now().Before(end) {
					lease, err := s.Acquire(t.Context(), id)
					if err != nil {
						t.Error(err)
						break
					}
					time.Sleep(300 * time.Millisecond)
					lease.Release()
					time.Sleep(100 * time.Millisecond)
					s.mu.Lock()
					answers[id]++
					s.mu.Unlock()
				}
				done <- id
			}()
		}
		<-done
		<-done
		if answers["a"] < 500 || answers["b"] < 500 {
			t.Errorf("answers: %v", answers)
		}
		if starts := f.count(); starts < 10 || starts > 70 {
			t.Errorf("%d starts in ten minutes", starts)
		}
	})
}

func TestLargerThanTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newFake(t, newLibrary(t, ""), SupervisorOptions{Memory: 9})
		_, err := s.Acquire(t.Context(), "a")
		wantRefusal(t, err, "`a`", "memory")
		if f.count() != 0 {
			t.Error("it was started")
		}
	})
}

func TestFootprint(t *testing.T) {
	if got := footprint(Model{Size: 100}); got != 100+extraMemory {
		t.Errorf("a model of unknown memory takes %d", got)
	}
	if got := footprint(Model{Size: 100, Memory: 7}); got != 7 {
		t.Errorf("a model of 7 bytes takes %d", got)
	}
	if total, _ := machineMemory(); total > 0 && memoryBudget(0) > total*8/10 {
		t.Errorf("budget %d of %d", memoryBudget(0), total)
	}
}
