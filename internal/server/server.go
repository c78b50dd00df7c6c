// Package server is the process: it builds every part in one straight line, and owns starting and stopping them in the
// right order. It decides nothing about requests.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/engines"
	"github.com/everpoint/everpoint/internal/httpapi"
	"github.com/everpoint/everpoint/internal/store"
	"github.com/everpoint/everpoint/internal/upstream"
)

// openLimit bounds how long New waits for a database that does not answer.
const openLimit = 30 * time.Second

// farewell is how long requests that outlive the drain limit get to send their last event.
const farewell = 2 * time.Second

// Server is a built server. Make it with New, run it with Start, end it with Stop.
type Server struct {
	limits      config.Limits
	logger      *slog.Logger
	listener    net.Listener
	tls         *tls.Config // nil without encryption
	fingerprint string
	store       *store.Store
	supervisor  *engines.Supervisor
	api         *httpapi.API
	http        *http.Server
	endRequests context.CancelCauseFunc // cancels the context of every request
	firstKey    string
	built       time.Time

	cleanups []cleanup
	starting sync.Once
	startErr error
	stopping sync.Once
	stopErr  error
	failed   chan error
}

// cleanup undoes one step of New or Start.
type cleanup struct {
	name string
	run  func(ctx context.Context) error
}

// New builds a server of a checked configuration. The address is taken first, so a port that is in use is the first thing
// a user hears of; connections made from then on wait for Start. When New fails it has undone what it did.
func New(cfg config.Config, logger *slog.Logger) (_ *Server, err error) {
	s := &Server{limits: cfg.Limits, logger: logger, built: time.Now(), failed: make(chan error, 1)}
	// Without a context of the caller's: whoever interrupts a start ends the process, and openLimit ends the rest.
	ctx, cancel := context.WithTimeout(context.Background(), openLimit)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, s.cleanUp(ctx))
		}
	}()

	if s.listener, err = listen(ctx, cfg.Listen); err != nil {
		return nil, err
	}
	s.onStop("listener", func(context.Context) error { return ignoreClosed(s.listener.Close()) })
	if !cfg.Auth && !isLoopback(s.listener.Addr()) {
		return nil, fmt.Errorf("a server without keys may listen on a loopback address only, and %s is none: set listen to 127.0.0.1:8080, or turn keys on", s.listener.Addr())
	}
	if err = os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made; choose another with --data: %w", err)
	}
	if s.tls, s.fingerprint, err = serverTLS(cfg.TLS, cfg.Data, cfg.Listen); err != nil {
		return nil, err
	}

	if s.store, err = store.Open(ctx, cfg.DatabaseURL()); err != nil {
		return nil, err
	}
	s.onStop("database", func(context.Context) error { return s.store.Close() })
	if s.firstKey, err = makeFirstKey(ctx, s.store, cfg); err != nil {
		return nil, err
	}

	library, err := engines.Open(engines.LibraryOptions{
		Dir: cfg.Engines.Cache, Sources: cfg.Engines.Sources, Folder: cfg.Engines.Folder, Offline: cfg.Engines.Offline,
		LlamaServer: cfg.Engines.LlamaServer, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	models, err := resolveModels(library, cfg)
	if err != nil {
		return nil, err
	}
	s.supervisor = engines.NewSupervisor(library, engines.SupervisorOptions{
		LogDir: filepath.Join(cfg.Data, "logs", "engines"), Memory: int64(cfg.Engines.Memory), Idle: cfg.Engines.Idle,
		StartTimeout: cfg.Engines.StartTimeout, Threads: cfg.Engines.Threads, Pull: models.pull, Logger: logger,
	})

	s.api = httpapi.New(httpapi.Options{
		Store: s.store,
		Upstream: upstream.New(upstream.Options{
			Names: models.names, Chat: models.chat, Embedding: models.embedding,
			Library: library, Supervisor: s.supervisor, Logger: logger,
		}),
		Logger: logger, NoAuth: !cfg.Auth, BootstrapKey: cfg.BootstrapKey, CORSOrigins: cfg.CORS.Origins,
		MaxBody: int64(cfg.Limits.Body), MaxDepth: cfg.Limits.Depth,
		Collectors: []prometheus.Collector{newEngineMetrics(s.supervisor.Status)},
	})
	s.http = s.newHTTP()
	return s, nil
}

// newHTTP makes the HTTP server. It has no ReadTimeout and no WriteTimeout, which would end long uploads and long streams:
// httpapi bounds bodies by their pace and answers by each write.
func (s *Server) newHTTP() *http.Server {
	requests, end := context.WithCancelCause(context.Background()) // lives as long as the server
	s.endRequests = end
	return &http.Server{
		Handler:           s.api,
		TLSConfig:         s.tls,
		ReadHeaderTimeout: s.limits.HeaderTimeout,
		IdleTimeout:       s.limits.IdleTimeout,
		MaxHeaderBytes:    int(s.limits.Header),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug), // broken handshakes of port scanners and the like
	}
}

// Start begins to serve and returns when requests are accepted. Calling it again returns what the first call did.
// ctx bounds nothing after that: Stop ends a server.
func (s *Server) Start(ctx context.Context) error {
	s.starting.Do(func() { s.startErr = s.start(ctx) })
	return s.startErr
}

func (s *Server) start(ctx context.Context) error {
	// The supervisor's work outlives ctx, which a signal may end before the streams of running engines have.
	if err := s.supervisor.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	s.onStop("engines", func(context.Context) error { s.supervisor.Stop(); return nil })
	served := make(chan struct{})
	go func() { // ends when the HTTP server is shut down; the cleanup below waits for it
		defer close(served)
		var err error
		if s.tls != nil {
			err = s.http.ServeTLS(s.listener, "", "")
		} else {
			err = s.http.Serve(s.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	s.onStop("requests", func(ctx context.Context) error {
		err := s.drain(ctx)
		<-served
		return err
	})
	attrs := []any{"url", s.URL(), "start_ms", time.Since(s.built).Milliseconds()}
	if s.fingerprint != "" {
		attrs = append(attrs, "certificate_sha256", s.fingerprint)
	}
	s.logger.Info("listening", attrs...)
	return nil
}

// drain ends the HTTP server: /readyz turns to 503, nothing new is accepted, running requests and streams get the drain
// limit, those that are left get an error event, and what then remains is cut off.
func (s *Server) drain(ctx context.Context) error {
	s.api.Drain()
	limited, cancel := context.WithTimeout(ctx, s.limits.Drain)
	defer cancel()
	err := s.http.Shutdown(limited)
	if err == nil {
		return nil
	}
	s.endRequests(httpapi.ErrStopping)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if s.http.Shutdown(last) == nil {
		return nil
	}
	return ignoreClosed(s.http.Close())
}

// Stop ends the server: requests first, then the engines that answer them, then the database. It returns when
// everything has stopped; errors of the steps are joined. When ctx ends, requests are not waited for any longer. Calling
// it again returns what the first call did; a server that was never started can be stopped too.
func (s *Server) Stop(ctx context.Context) error {
	s.stopping.Do(func() {
		s.starting.Do(func() { s.startErr = errors.New("the server has been stopped") })
		s.stopErr = s.cleanUp(ctx)
		s.endRequests(httpapi.ErrStopping)
	})
	return s.stopErr
}

// Failed receives the error of a server that can no longer accept connections. Stop is still needed then.
func (s *Server) Failed() <-chan error { return s.failed }

// Addr is the address that connections are accepted on, with the port that was really taken.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL is the base URL for clients on this machine, without /v1.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return scheme + "://" + net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + "://" + s.Addr().String()
}

// FirstKey is the secret of the key that New made for a database without any, to be shown to the owner once; else "".
func (s *Server) FirstKey() string { return s.firstKey }

// Fingerprint is the SHA-256 of a self-made certificate in the usual notation, for people to compare; else "".
func (s *Server) Fingerprint() string { return s.fingerprint }

func (s *Server) onStop(name string, run func(ctx context.Context) error) {
	s.cleanups = append(s.cleanups, cleanup{name, run})
}

// cleanUp undoes the steps, the latest first, all of them whatever fails.
func (s *Server) cleanUp(ctx context.Context) error {
	var errs []error
	for len(s.cleanups) > 0 {
		last := s.cleanups[len(s.cleanups)-1]
		s.cleanups = s.cleanups[:len(s.cleanups)-1]
		s.logger.Debug("stopping", "part", last.name)
		if err := last.run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}

// ignoreClosed takes away the complaint about a listener that somebody else has closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
