package engines

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary also plays the programs that a supervisor deals with: a llama-server, the guard, and a server that is
// killed with its engine running.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "-m":
			os.Exit(fakeLlamaServer(os.Args[1:]))
		case GuardCommand:
			os.Exit(Guard(os.Args[2:]))
		case "parent":
			os.Exit(fakeParent(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

// fakeLlamaServer behaves as the words in its model file say:
//
//	exit      ends while it loads, as with broken weights
//	hang      never gets ready
//	stubborn  ignores SIGTERM
//
// POST /crash ends it, GET /self gives its arguments and environment.
func fakeLlamaServer(args []string) int {
	flag := func(name string) string { return args[slices.Index(args, name)+1] }
	weights, err := os.ReadFile(flag("-m"))
	if err != nil || strings.Contains(string(weights), "exit") {
		fmt.Println("error loading model: tensor data is not within the file bounds")
		return 1
	}
	if strings.Contains(string(weights), "stubborn") {
		signal.Ignore(syscall.SIGTERM)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if strings.Contains(string(weights), "hang") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /crash", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("GET /self", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"args": args, "env": os.Environ(), "group": syscall.Getpgrp(), "pid": os.Getpid()})
	})
	fmt.Println("fake engine is here")
	fmt.Fprintln(os.Stderr, http.ListenAndServe(flag("--host")+":"+flag("--port"), mux))
	return 1
}

// fakeParent loads a model in a supervisor of its own, prints the process id of the engine, and waits to be killed.
func fakeParent(weights string) int {
	s := newSupervisor(&fakeLibrary{models: map[string]Model{"m": {ID: "m", Slots: 1}}, path: weights}, SupervisorOptions{})
	if err := s.Start(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err := s.Acquire(context.Background(), "m"); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.Status()[0].PID)
	select {}
}

// fakeLibrary has models on disk, or lacks them until they are pulled.
type fakeLibrary struct {
	models map[string]Model
	path   string // of every model's file
	dir    string

	mu       sync.Mutex
	missing  map[string]bool
	noEngine bool
	pulls    int
	installs int
	pull     func(ctx context.Context) error // what a fetch does
}

func (l *fakeLibrary) options() LibraryOptions { return LibraryOptions{Dir: l.dir} }

func (l *fakeLibrary) Models() []Model {
	return slices.SortedFunc(maps.Values(l.models), func(a, b Model) int { return strings.Compare(a.ID, b.ID) })
}

func (l *fakeLibrary) Model(id string) (Model, bool) {
	m, ok := l.models[id]
	return m, ok
}

func (l *fakeLibrary) Path(id string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path, !l.missing[id]
}

func (l *fakeLibrary) Pull(ctx context.Context, id string, onProgress func(Progress)) (Model, error) {
	l.mu.Lock()
	l.pulls++
	l.mu.Unlock()
	onProgress(Progress{Name: id, Done: 1, Total: 2})
	if err := l.pull(ctx); err != nil {
		return Model{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.missing, id)
	return l.models[id], nil
}

func (l *fakeLibrary) Engine(string) (EngineCommand, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	self, _ := os.Executable()
	return EngineCommand{Kind: EngineLlamaServer, Path: self, Version: "fake 1"}, !l.noEngine
}

func (l *fakeLibrary) InstallEngine(ctx context.Context, _ string, _ bool, _ func(Progress)) error {
	l.mu.Lock()
	l.installs++
	l.mu.Unlock()
	if err := l.pull(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noEngine = false
	return nil
}

// newLibrary has models a, b, c of one slot and 10 bytes each, all on disk.
func newLibrary(t *testing.T, weights string) *fakeLibrary {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weights.gguf")
	if err := os.WriteFile(path, []byte(weights), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &fakeLibrary{models: map[string]Model{}, path: path, dir: t.TempDir(), missing: map[string]bool{}}
	for _, id := range []string{"a", "b", "c"} {
		l.models[id] = Model{ID: id, Kind: KindChat, Engine: LlamaCPP, Context: 100, Slots: 1, Memory: 10}
	}
	return l
}

// fakeProcesses stands in for real child processes where time is made to pass quickly: a goroutine that waits for a real
// process would keep the test's clock from moving.
type fakeProcesses struct {
	mu      sync.Mutex
	started []*process
	at      []time.Time
	ready   func(ctx context.Context, p *process) error // nil: at once
}

func (f *fakeProcesses) start(l launch) (*process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &process{url: "http://engine", key: "k", pid: -1, version: l.command.Version, started: time.Now(), done: make(chan struct{})}
	end := sync.OnceFunc(func() { close(p.done) })
	p.signal = func(syscall.Signal) { end() }
	f.started = append(f.started, p)
	f.at = append(f.at, time.Now())
	return p, nil
}

func (f *fakeProcesses) wait(ctx context.Context, p *process) error {
	if f.ready == nil {
		return nil
	}
	return f.ready(ctx, p)
}

// crash ends the process that was started last.
func (f *fakeProcesses) crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started[len(f.started)-1].signal(syscall.SIGSEGV)
}

func (f *fakeProcesses) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.started)
}
