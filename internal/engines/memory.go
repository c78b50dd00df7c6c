package engines

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

const (
	// settle is how long an engine keeps its memory after an answer, so that two clients who take turns with two models do
	// not have each of them loaded again for every request.
	settle = time.Second
	// patience is how long a model waits for memory while others are in constant use. Then the one used longest ago lends no
	// more slots, finishes what it is doing, and makes room.
	patience = 10 * time.Second
	// extraMemory is what an engine needs beside the weights where the catalogue does not say.
	extraMemory = 512 << 20
)

// memoryBudget is what engines may use of this machine's memory; 0 is no limit, where the system does not tell.
func memoryBudget(configured int64) int64 {
	if configured > 0 {
		return configured
	}
	total, _ := machineMemory()
	return total / 10 * 8
}

// footprint is how many bytes a loaded model takes.
func footprint(m Model) int64 {
	if m.Memory > 0 {
		return m.Memory
	}
	return m.Size + extraMemory
}

// reserve waits until e's model fits beside what is loaded, and makes room by unloading others. Models get memory in the
// order in which they asked, so that a large one is not passed over for ever.
func (s *Supervisor) reserve(e *engine) error {
	need := footprint(e.model)
	if s.budget > 0 && need > s.budget {
		return apierror.Unavailablef("model_unavailable",
			"The model `%s` needs %s of memory, and engines may use %s on this server. Use a smaller model, or allow engines more memory in the server's configuration.",
			e.model.ID, gigabytes(need), gigabytes(s.budget))
	}
	s.queue = append(s.queue, e)
	defer s.leaveMemoryQueue(e)
	since := time.Now()
	for {
		if err := s.wanted(e); err != nil {
			return err
		}
		if s.queue[0] == e {
			missing := s.used + need - s.budget
			if s.budget == 0 || missing <= 0 {
				s.used += need
				e.reserved = need
				return nil
			}
			s.evict(missing, time.Since(since) >= patience)
		}
		e.set(StateWaiting)
		s.wait(settle)
	}
}

func (s *Supervisor) leaveMemoryQueue(e *engine) {
	first := s.queue[0] == e
	s.queue = slices.DeleteFunc(s.queue, func(other *engine) bool { return other == e })
	if !first {
		return
	}
	for _, other := range s.engines { // whoever was to make room need not any more
		if other.draining {
			other.draining = false
			s.serve(other)
			s.rest(other)
		}
	}
	s.broadcast()
}

// evict unloads engines that nobody uses, those used longest ago first, until the missing bytes are on their way. With
// force it also has engines that are being used come to rest.
func (s *Supervisor) evict(missing int64, force bool) {
	var ready []*engine
	for _, e := range s.engines {
		switch e.state {
		case StateStopping:
			missing -= e.reserved
		case StateReady:
			ready = append(ready, e)
		}
	}
	slices.SortFunc(ready, func(a, b *engine) int {
		if (a.busy > 0) != (b.busy > 0) { // one at rest can go now
			return cmp.Compare(a.busy, b.busy)
		}
		return a.lastUsed.Compare(b.lastUsed)
	})
	for _, e := range ready {
		if missing <= 0 {
			return
		}
		switch {
		case e.busy == 0 && (force || time.Since(e.lastUsed) >= settle):
			s.o.Logger.Info("a model is unloaded to make room", "model", e.model.ID, "unused", time.Since(e.lastUsed))
			s.unload(e)
			missing -= e.reserved
		case e.busy > 0 && force:
			e.draining = true
			missing -= e.reserved
		}
	}
}

// giveBack returns e's part of the budget.
func (s *Supervisor) giveBack(e *engine) {
	s.used -= e.reserved
	e.reserved = 0
	s.broadcast()
}

func gigabytes(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }
