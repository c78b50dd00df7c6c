package engines

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// SupervisorOptions says how engines are run.
type SupervisorOptions struct {
	LogDir       string        // where each engine's log goes; empty keeps only the tail in memory
	Memory       int64         // bytes that loaded models may take together; default 80 % of this machine's memory
	Idle         time.Duration // an engine unused for this long is stopped; 0 keeps engines for ever
	StartTimeout time.Duration // an engine that is not ready after this long has failed; default 2 minutes
	Threads      int           // CPU threads of one engine; default every core this process may use
	Pull         []string      // models that Start fetches in the background; leave it empty when offline
	Logger       *slog.Logger
}

// Supervisor starts, watches and stops the engines of a Library's models.
type Supervisor struct{}

// NewSupervisor makes a Supervisor, which does nothing until it is started.
func NewSupervisor(lib *Library, o SupervisorOptions) *Supervisor { return &Supervisor{} }

// Start lets Acquire begin and returns at once.
func (s *Supervisor) Start(ctx context.Context) error { return nil }

// Stop kills every engine and waits until they are gone.
func (s *Supervisor) Stop() {}

// Acquire waits for a slot of the model's engine.
func (s *Supervisor) Acquire(ctx context.Context, modelID string) (*Lease, error) {
	return nil, errors.New("not written yet")
}
