package engines

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// engine is what the supervisor knows of one model's engine. Supervisor.mu guards it, except log, which guards itself.
type engine struct {
	model   Model
	log     *engineLog
	state   State
	since   time.Time
	waiters []*waiter // requests without a slot, oldest first

	bringing bool        // bring runs
	process  *process    // not nil from loading until the process is gone
	busy     int         // slots lent
	draining bool        // lends no slot because another model has waited too long for this one's memory
	reserved int64       // bytes of the budget
	lastUsed time.Time   // when the last slot came back
	idle     *time.Timer // unloads it
	progress Progress

	failures  int       // in a row
	notBefore time.Time // no start earlier than this
	restarts  int       // failures in all
	problem   string
}

// waiter is one request in the queue of a model.
type waiter struct {
	turn chan turn // gets one value; has room for it, so that nobody waits for the waiter
}

type turn struct {
	lease *Lease
	err   error
}

// engine gives the entry of a model, made when it is asked for first.
func (s *Supervisor) engine(model Model) *engine {
	e := s.engines[model.ID]
	if e == nil {
		e = &engine{log: newEngineLog(s.o.LogDir, model.ID), state: StateStopped, since: time.Now()}
		s.engines[model.ID] = e
	}
	if e.process == nil { // a running engine stays what it was started as
		model.Slots = max(model.Slots, 1)
		e.model = model
	}
	return e
}

func (e *engine) set(state State) {
	if e.state != state {
		e.state, e.since = state, time.Now()
	}
}

// refusal is why no request may wait for e now.
func (e *engine) refusal() error {
	if e.failures < crashLoop || !time.Now().Before(e.notBefore) || e.process != nil {
		return nil
	}
	err := apierror.Unavailablef("model_unavailable",
		"The engine of the model `%s` failed %d times in a row: %s Run `everpoint engines doctor` on the server to see why.", e.model.ID, e.failures, e.problem)
	err.RetryAfter = time.Until(e.notBefore).Truncate(time.Second) + time.Second
	return err
}

// wake makes sure that somebody is bringing e to ready, unless a process is there that watch will report on.
func (s *Supervisor) wake(e *engine) {
	if s.stopped || e.bringing || e.process != nil {
		return
	}
	e.bringing = true
	s.work.Go(func() { s.bring(e) })
}

// broadcast lets every bring look again at what it waits for.
func (s *Supervisor) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait gives up mu until something has changed, the time is over, or the supervisor stops.
func (s *Supervisor) wait(limit time.Duration) {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// bring takes e to ready step by step. Every step returns errNobodyWaits when the last waiter has left; a fetch alone goes
// on, since whoever comes next will need the file.
func (s *Supervisor) bring(e *engine) {
	err := s.fetch(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.pause(e)
	}
	if err == nil {
		err = s.reserve(e)
	}
	if err == nil {
		err = s.load(e)
	}
	e.bringing = false
	if err == nil {
		s.serve(e)
		s.rest(e)
		return
	}
	switch {
	case e.failures >= crashLoop:
		e.set(StateFailed)
	case e.failures > 0:
		e.set(StateBackoff)
	default:
		e.set(StateStopped)
	}
	if !errors.Is(err, errNobodyWaits) {
		if !s.stopped {
			e.problem = err.Error()
			s.o.Logger.Warn("a model is not available", "model", e.model.ID, "error", err)
		}
		s.refuse(e, err)
	}
	if len(e.waiters) > 0 { // came while we were giving up
		s.wake(e)
	}
}

// wanted is nil while it makes sense to go on bringing e.
func (s *Supervisor) wanted(e *engine) error {
	switch {
	case s.stopped:
		return errStopping
	case len(e.waiters) == 0:
		return errNobodyWaits
	}
	return nil
}

// refuse gives all who wait for e the same error.
func (s *Supervisor) refuse(e *engine, err error) {
	for _, w := range e.waiters {
		w.turn <- turn{err: err}
	}
	e.waiters = nil
	s.broadcast()
}

// fetch sees to it that the model's file and its engine are on this machine. It is called without mu.
func (s *Supervisor) fetch(e *engine) error {
	s.mu.Lock()
	model := e.model
	s.mu.Unlock()
	onProgress := func(p Progress) {
		s.mu.Lock()
		e.progress = p
		s.mu.Unlock()
	}
	defer onProgress(Progress{})
	pulling := func() {
		s.mu.Lock()
		e.set(StatePulling)
		s.mu.Unlock()
	}
	if _, there := s.lib.Engine(model.Engine); !there {
		pulling()
		if err := s.installEngine(model.Engine, onProgress); err != nil {
			return unavailable(err, "The engine `%s`, which runs the model `%s`, is not installed and could not be fetched. Run `everpoint engines install %s` on the server.", model.Engine, model.ID, model.Engine)
		}
	}
	if _, there := s.lib.Path(model.ID); !there {
		pulling()
		if _, err := s.lib.Pull(s.ctx, model.ID, onProgress); err != nil {
			return unavailable(err, "The model `%s` is not on the server and could not be fetched. Run `everpoint models pull %s` there.", model.ID, model.ID)
		}
	}
	return nil
}

// installEngine installs an engine, unless another model's bring did so while this one waited.
func (s *Supervisor) installEngine(name string, onProgress func(Progress)) error {
	s.install.Lock()
	defer s.install.Unlock()
	if _, there := s.lib.Engine(name); there {
		return nil
	}
	return s.lib.InstallEngine(s.ctx, name, false, onProgress)
}

// unavailable passes on an error that is meant for clients, and puts the text before any other.
func unavailable(err error, format string, args ...any) error {
	if known, ok := apierror.As(err); ok {
		return known
	}
	e := apierror.Unavailablef("model_unavailable", format, args...)
	e.Err = err
	return e
}

// pause waits out the backoff.
func (s *Supervisor) pause(e *engine) error {
	for {
		if err := s.wanted(e); err != nil {
			return err
		}
		if err := e.refusal(); err != nil {
			return err
		}
		left := time.Until(e.notBefore)
		if left <= 0 {
			return nil
		}
		e.set(StateBackoff)
		s.wait(left)
	}
}

// fail counts a start or a run that ended in a failure, and sets how long to leave the engine alone. Between half and the
// whole of the pause is taken at random, so that engines which failed together do not start together.
func (e *engine) fail(ranFor time.Duration) {
	if ranFor >= provenAfter {
		e.failures = 0
	}
	e.failures++
	e.restarts++
	pause := longestBackoff
	if doublings := e.failures - 1; doublings < 10 {
		pause = min(firstBackoff<<doublings, longestBackoff)
	}
	e.notBefore = time.Now().Add(pause/2 + rand.N(pause/2+1))
}

// load starts the process and waits until it is ready. It gives up mu meanwhile. The memory is reserved; load gives it
// back if it fails.
func (s *Supervisor) load(e *engine) error {
	e.set(StateLoading)
	model := e.model
	began := time.Now()
	var err error
	for range 3 {
		s.mu.Unlock()
		err = s.loadOnce(e, model)
		s.mu.Lock()
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	p := e.process
	if err == nil && s.stopped {
		s.mu.Unlock()
		p.stop(stopGrace)
		s.mu.Lock()
		err = errStopping
	}
	if err != nil {
		e.process = nil
		s.giveBack(e)
		if s.stopped {
			return errStopping
		}
		e.fail(0)
		e.log.note("%s%v", noteFailed, err)
		return s.loadError(model, err)
	}
	e.set(StateReady)
	e.problem = ""
	e.lastUsed = time.Now()
	took := time.Since(began).Round(time.Millisecond)
	e.log.note("%s after %s", noteReady, took)
	s.o.Logger.Info("a model is loaded", "model", model.ID, "pid", p.pid, "port", p.port, "engine", p.version, "took", took)
	s.work.Go(func() { s.watch(e, p) })
	return nil
}

// errPortTaken says that another program took the engine's port between our finding it and the engine's listening on it.
var errPortTaken = errors.New("another program took the engine's port")

// loadOnce starts one process and leaves none behind if that does not become ready. It is called without mu.
func (s *Supervisor) loadOnce(e *engine, model Model) error {
	command, ok := s.lib.Engine(model.Engine)
	if !ok {
		return fmt.Errorf("the engine %s is not installed any more", model.Engine)
	}
	path, ok := s.lib.Path(model.ID)
	if !ok {
		return fmt.Errorf("the file of the model %s is gone", model.ID)
	}
	p, err := s.start(launch{command: command, model: model, path: path, threads: s.o.Threads, log: e.log})
	if err != nil {
		return err
	}
	s.mu.Lock()
	e.process = p
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, s.o.StartTimeout)
	defer cancel()
	err = s.ready(ctx, p)
	if err == nil {
		return nil
	}
	p.signal(syscall.SIGKILL) // it has nothing to lose yet
	<-p.done
	if errors.Is(err, errExited) && portTaken(p.port) {
		return errPortTaken
	}
	return err
}

// loadError says what to do about a model that could not be loaded.
func (s *Supervisor) loadError(model Model, err error) error {
	switch {
	case errors.Is(err, errExited):
		return unavailable(err, "The model `%s` could not be loaded: its engine stopped while loading it. The model's file may be damaged: run `everpoint models pull %s` on the server to check it and fetch it again. `everpoint engines doctor` shows the engine's log.", model.ID, model.ID)
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable(err, "The model `%s` was not ready after %s. Retry later; if it happens again, run `everpoint engines doctor` on the server, or allow engines more time to start in its configuration.", model.ID, s.o.StartTimeout)
	}
	return unavailable(err, "The engine of the model `%s` could not be started. Run `everpoint engines doctor` on the server.", model.ID)
}

// serve lends slots to those who wait longest. A process that has just ended lends none, although its watch may not have
// got to say so yet; then watch sees to those who wait.
func (s *Supervisor) serve(e *engine) {
	for e.state == StateReady && !e.process.ended() && !e.draining && e.busy < e.model.Slots && len(e.waiters) > 0 {
		w := e.waiters[0]
		e.waiters = e.waiters[1:]
		e.busy++
		if e.idle != nil {
			e.idle.Stop()
		}
		w.turn <- turn{lease: s.lease(e)}
	}
}

// rest sets the time at which an engine that nobody uses is unloaded.
func (s *Supervisor) rest(e *engine) {
	if s.o.Idle <= 0 || e.state != StateReady || e.busy > 0 {
		return
	}
	if e.idle != nil {
		e.idle.Stop()
	}
	p := e.process
	e.idle = time.AfterFunc(s.o.Idle, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// The timer may have fired while the engine was being used again: then another one runs, or will.
		if !s.stopped && e.process == p && e.state == StateReady && e.busy == 0 && time.Since(e.lastUsed) >= s.o.Idle {
			s.o.Logger.Info("a model is unloaded because nobody used it", "model", e.model.ID, "idle", s.o.Idle)
			s.unload(e)
		}
	})
}

// unload tells a ready engine to end. Its watch does the rest.
func (s *Supervisor) unload(e *engine) {
	e.set(StateStopping)
	p := e.process
	s.work.Go(func() { p.stop(stopGrace) })
}

// watch follows a ready engine to the end of its process.
func (s *Supervisor) watch(e *engine, p *process) {
	<-p.done
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.idle != nil {
		e.idle.Stop()
	}
	wanted, ranFor := e.state == StateStopping, time.Since(p.started)
	e.process, e.busy, e.draining = nil, 0, false
	s.giveBack(e)
	if wanted {
		e.set(StateStopped)
		if ranFor >= provenAfter {
			e.failures = 0
		}
	} else {
		e.fail(ranFor)
		e.log.note("%sthe process ended by itself", noteFailed)
		e.problem = fmt.Sprintf("Its process ended by itself (%s).", exitText(p.err))
		e.set(StateBackoff)
		if e.failures >= crashLoop {
			e.set(StateFailed)
		}
		s.o.Logger.Warn("an engine ended by itself", "model", e.model.ID, "pid", p.pid, "exit", exitText(p.err), "failures", e.failures)
	}
	if len(e.waiters) > 0 {
		s.wake(e)
	}
}

func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func makeLogDir(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for engine logs: %w", err)
	}
	return nil
}
