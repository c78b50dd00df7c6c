package engines

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

const (
	reapTime  = time.Second     // how long after a broken connection the end of the process is waited for
	probeTime = 5 * time.Second // how long an engine that failed a call may take to show that it lives
)

// Lease is one slot of a running engine: the right to have one answer made at a time. Release gives it back.
type Lease struct {
	URL           string // base of the engine's HTTP server on loopback, without a slash at the end
	Key           string // bearer key that the engine demands
	Model         Model
	EngineVersion string // what the engine calls itself

	supervisor *Supervisor
	engine     *engine
	process    *process
	once       sync.Once
}

// lease makes the lease of a slot that was counted as busy.
func (s *Supervisor) lease(e *engine) *Lease {
	p := e.process
	return &Lease{URL: p.url, Key: p.key, Model: e.model, EngineVersion: p.version, supervisor: s, engine: e, process: p}
}

// Release gives the slot to the next in line. Calling it again does nothing.
func (l *Lease) Release() {
	l.once.Do(func() {
		s, e := l.supervisor, l.engine
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.process != l.process {
			return // the slot went with its process
		}
		e.busy--
		e.lastUsed = time.Now()
		s.serve(e)
		if e.busy == 0 {
			s.rest(e)
			s.broadcast() // its memory can be had
		}
	})
}

// Died is closed when the engine's process is gone.
func (l *Lease) Died() <-chan struct{} { return l.process.done }

// Fault explains a call to the engine that failed with cause: a connection that broke or was refused. It returns a 502
// *apierror.Error in every case. A connection breaks a moment before the end of the process is known, so it waits up to a
// second for that. An engine that lives but does not even answer a health check is killed; the next request starts another.
func (l *Lease) Fault(cause error) *apierror.Error {
	p, model := l.process, l.Model.ID
	timer := time.NewTimer(reapTime)
	defer timer.Stop()
	select {
	case <-p.done:
		return apierror.Upstreamf(http.StatusBadGateway, cause, "The engine of the model `%s` stopped while it worked on this request. It is started again for the next one: please retry.", model)
	case <-timer.C:
	}
	ctx, cancel := context.WithTimeout(l.supervisor.ctx, probeTime)
	defer cancel()
	if l.supervisor.ready(ctx, p) != nil {
		l.supervisor.o.Logger.Warn("an engine that does not answer is killed", "model", model, "pid", p.pid)
		p.signal(syscall.SIGKILL)
	}
	return apierror.Upstreamf(http.StatusBadGateway, cause, "The engine of the model `%s` did not answer as it should. Please retry.", model)
}
