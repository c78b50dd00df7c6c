package engines

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// State is where an engine is between asleep and answering.
//
//	stopped ──demand──▶ pulling ──▶ waiting ──▶ loading ──▶ ready ──idle, evicted──▶ stopping ──▶ stopped
//	                       │                       │           │
//	                    no file:                   └──ended────┴──▶ backoff, or failed after several in a row
//	                    stopped                                        └──demand, when the pause is over──▶ waiting
//
// One goroutine per engine, bring, takes it from the left to ready for as long as somebody waits for it; another, watch,
// follows the process of a ready engine to its end. Both change the engine only under Supervisor.mu, which guards
// everything that is not constant, and hold it over nothing that takes time.
type State string

// The states of an engine.
const (
	StateStopped  State = "stopped"  // no process
	StatePulling  State = "pulling"  // the model's file or the engine itself is being fetched
	StateWaiting  State = "waiting"  // other models must give up memory first
	StateLoading  State = "loading"  // the process runs but is not ready
	StateReady    State = "ready"    // it answers
	StateStopping State = "stopping" // the process was told to end
	StateBackoff  State = "backoff"  // it ended by itself; the next start has to wait a little
	StateFailed   State = "failed"   // it has done so again and again; requests are refused until the pause is over
)

const (
	queueLimit = 256 // requests that wait for a slot of one model

	firstBackoff   = 500 * time.Millisecond // pause after the first failure; it doubles with each further one in a row
	longestBackoff = time.Minute
	crashLoop      = 3                // failures in a row after which requests are refused
	provenAfter    = 30 * time.Second // an engine that ran for this long has not failed in a row

	defaultStartTimeout = 2 * time.Minute
)

// SupervisorOptions says how engines are run.
type SupervisorOptions struct {
	LogDir       string        // where each engine's log goes; empty keeps only the end of it in memory
	Memory       int64         // bytes that loaded models may take together; default 80 % of this machine's memory
	Idle         time.Duration // an engine unused for this long is stopped; 0 keeps engines until memory is needed
	StartTimeout time.Duration // an engine that is not ready after this long has failed; default 2 minutes
	Threads      int           // CPU threads of one engine; default every core that this process may use
	Pull         []string      // models that Start fetches in the background; leave it empty when offline
	Logger       *slog.Logger
}

// Supervisor starts, watches and stops the engines of a Library's models: one process per model. Its methods may be called
// from many goroutines.
type Supervisor struct {
	lib    library
	o      SupervisorOptions
	start  func(launch) (*process, error)
	ready  func(context.Context, *process) error
	budget int64 // bytes

	mu      sync.Mutex
	ctx     context.Context // ends when Stop is called; nil before Start
	cancel  context.CancelFunc
	stopped bool
	work    sync.WaitGroup // bring, watch and stopping goroutines; added to under mu while not stopped
	install sync.Mutex     // one engine is installed at a time
	engines map[string]*engine
	used    int64         // bytes of the budget that are spoken for
	queue   []*engine     // those that wait for memory, in order
	changed chan struct{} // closed and replaced whenever something happened that a bring may wait for
}

// library is what a Supervisor asks of a Library; tests have one that fetches nothing.
type library interface {
	options() LibraryOptions
	Models() []Model
	Model(id string) (Model, bool)
	Path(id string) (string, bool)
	Pull(ctx context.Context, id string, onProgress func(Progress)) (Model, error)
	Engine(name string) (EngineCommand, bool)
	InstallEngine(ctx context.Context, name string, build bool, onProgress func(Progress)) error
}

// NewSupervisor makes a Supervisor, which does nothing until it is started.
func NewSupervisor(lib *Library, o SupervisorOptions) *Supervisor { return newSupervisor(lib, o) }

func newSupervisor(lib library, o SupervisorOptions) *Supervisor {
	if o.StartTimeout <= 0 {
		o.StartTimeout = defaultStartTimeout
	}
	if o.Threads <= 0 {
		// Both limits count: the cores that the system lets us run on, and the share of them that a container has.
		o.Threads = min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Supervisor{
		lib: lib, o: o, start: launch.start, ready: func(ctx context.Context, p *process) error { return p.ready(ctx) },
		budget:  memoryBudget(o.Memory),
		engines: map[string]*engine{}, changed: make(chan struct{}),
	}
}

// Start lets Acquire begin and fetches the models of SupervisorOptions.Pull in the background. It returns at once. The end
// of ctx stops nothing: answers may go on until Stop.
func (s *Supervisor) Start(ctx context.Context) error {
	if err := makeLogDir(s.o.LogDir); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil {
		return nil
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, id := range s.o.Pull {
		model, ok := s.lib.Model(id)
		if !ok {
			s.o.Logger.Warn("a model that should be fetched is not known", "model", id)
			continue
		}
		s.wake(s.engine(model))
	}
	return nil
}

// Stop ends every engine and returns when all are gone. Requests that still wait get a 503. It may be called again.
func (s *Supervisor) Stop() {
	s.mu.Lock()
	if s.ctx != nil && !s.stopped {
		s.cancel()
		for _, e := range s.engines {
			s.refuse(e, errStopping)
			if e.state == StateReady {
				s.unload(e)
			}
		}
	}
	s.stopped = true
	s.mu.Unlock()
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.engines {
		e.log.close()
	}
}

var (
	errStopping    = apierror.Unavailablef("", "The server is shutting down. Please retry in a moment.")
	errNotStarted  = errors.New("engines: the supervisor was not started")
	errNobodyWaits = errors.New("engines: nobody waits for this model any more")
)

// Acquire waits until it is this request's turn at the model's engine, and does whatever that takes: fetch the model,
// install the engine, wait for memory, start the process. Requests for one model are served in the order of their
// arrival. The caller must call Release.
//
// It returns an *apierror.Error: 404 for a model that the library does not know, 503 when the queue is full or the engine
// cannot be had. When ctx ends first, it returns ctx's error.
func (s *Supervisor) Acquire(ctx context.Context, modelID string) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	model, ok := s.lib.Model(modelID)
	if !ok {
		return nil, apierror.ModelNotFound(modelID)
	}
	e, w, err := s.enter(model)
	if err != nil {
		return nil, err
	}
	select {
	case turn := <-w.turn:
		return turn.lease, turn.err
	case <-ctx.Done():
		s.leave(e, w)
		return nil, ctx.Err()
	}
}

// enter puts a request into the queue of its model, and sees to it that the queue moves.
func (s *Supervisor) enter(model Model) (*engine, *waiter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return nil, nil, errStopping
	case s.ctx == nil:
		return nil, nil, errNotStarted
	}
	e := s.engine(model)
	if err := e.refusal(); err != nil {
		return nil, nil, err
	}
	if len(e.waiters) >= queueLimit {
		busy := apierror.Unavailablef("", "The engine is currently overloaded, please try again later")
		busy.RetryAfter = time.Second
		return nil, nil, busy
	}
	w := &waiter{turn: make(chan turn, 1)}
	e.waiters = append(e.waiters, w)
	s.serve(e)
	if len(e.waiters) > 0 {
		s.wake(e)
	}
	return e, w, nil
}

// leave takes a request out of the queue, or gives back the slot that it got at the same moment.
func (s *Supervisor) leave(e *engine, w *waiter) {
	s.mu.Lock()
	if i := slices.Index(e.waiters, w); i >= 0 {
		e.waiters = slices.Delete(e.waiters, i, i+1)
		s.broadcast()
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if turn := <-w.turn; turn.lease != nil {
		turn.lease.Release()
	}
}

// Status describes one engine for operators.
type Status struct {
	Model         string
	State         State
	Since         time.Time // when it came into that state
	PID           int       // 0 without a process
	Port          int       // on 127.0.0.1; 0 without a process
	EngineVersion string
	Slots         int      // answers it can make at the same time
	Busy          int      // answers it is making
	Queue         int      // requests that wait for a slot
	Restarts      int      // times its process ended by itself or did not get ready
	Memory        int64    // bytes resident, or what the catalogue says where the system does not tell
	Progress      Progress // of the fetch; zero when none is going on
	Problem       string   // what went wrong last; empty once it is ready again
}

// Status describes the engines of all models that were asked for since Start, ordered by model.
func (s *Supervisor) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Status
	for _, e := range slices.SortedFunc(maps.Values(s.engines), func(a, b *engine) int { return cmp.Compare(a.model.ID, b.model.ID) }) {
		status := Status{
			Model: e.model.ID, State: e.state, Since: e.since, Slots: e.model.Slots, Busy: e.busy, Queue: len(e.waiters),
			Restarts: e.restarts, Memory: e.reserved, Progress: e.progress, Problem: e.problem,
		}
		if p := e.process; p != nil {
			status.PID, status.Port, status.EngineVersion = p.pid, p.port, p.version
			if resident := processMemory(p.pid); resident > 0 {
				status.Memory = resident
			}
		}
		list = append(list, status)
	}
	return list
}

// Log gives the end of what the model's engine printed, also what an earlier server process left in the log folder.
func (s *Supervisor) Log(modelID string) string {
	s.mu.Lock()
	e := s.engines[modelID]
	s.mu.Unlock()
	if e == nil {
		return newEngineLog(s.o.LogDir, modelID).text()
	}
	return e.log.text()
}
