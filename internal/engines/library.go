// Package engines owns what runs models on this machine: the catalogue of models, their files on disk, the programs that
// load them, and the child processes in which those programs run. Nothing here knows the OpenAI API.
//
// The package has two halves. Library knows what exists, what is on disk and how to get the rest. Supervisor starts, watches
// and stops the processes that use it.
package engines

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The values of Model.Kind.
const (
	KindChat      = "chat"
	KindEmbedding = "embedding"
)

// LlamaCPP is the name of the text engine, in Model.Engine and in Library.Engine.
const LlamaCPP = "llama.cpp"

// Model is a model that this machine can run: an entry of the catalogue, or a file that the user added.
type Model struct {
	ID         string   `json:"id"`
	Kind       string   `json:"kind"`                 // KindChat or KindEmbedding
	Engine     string   `json:"engine"`               // the engine that loads it, always LlamaCPP so far
	Licence    string   `json:"licence"`              // SPDX name; empty when unknown
	Context    int      `json:"context"`              // tokens that one slot holds
	Slots      int      `json:"slots"`                // answers that are made at the same time
	Dimensions int      `json:"dimensions,omitempty"` // numbers in one vector; 0 for chat models
	File       string   `json:"file"`                 // file name in the models folder, or an absolute path
	Size       int64    `json:"size"`                 // bytes
	SHA256     string   `json:"sha256"`               // of the whole file, lower-case hex
	Memory     int64    `json:"memory"`               // bytes resident when loaded, an estimate
	Sources    []Source `json:"sources,omitempty"`
	FIM        *FIM     `json:"fim,omitempty"` // nil when the model cannot fill in the middle
	// Defaults is how the publisher says to sample when a request says nothing; nil leaves it to the engine.
	Defaults *Sampling `json:"defaults,omitempty"`
	Origin   string    `json:"origin,omitempty"`  // where the user got it: hf:owner/name:file or a path; empty for the catalogue's own
	Default  bool      `json:"default,omitempty"` // fetched by a server that has no configuration
	Small    bool      `json:"small,omitempty"`   // takes the place of the default chat model on small machines
}

// Sampling is a way of choosing tokens.
type Sampling struct {
	Temperature float64 `json:"temperature"`
	TopP        float64 `json:"top_p"`
}

// FIM holds the tokens between which a model fills in the middle of a text.
type FIM struct {
	Prefix string `json:"prefix"`
	Suffix string `json:"suffix"`
	Middle string `json:"middle"`
}

// Progress is how far one fetch has come.
type Progress struct {
	Name  string // what is being fetched: a model's id or an engine's name
	Done  int64  // bytes
	Total int64  // bytes; 0 while unknown
	Steps bool   // Done and Total count steps of a build, not bytes
}

// EngineCommand is what starts an engine.
type EngineCommand struct {
	Kind    string // "llama-server" or "xllamacpp"
	Path    string // the llama-server binary, or the Python that has xllamacpp
	Version string // what the engine calls itself; part of system_fingerprint
}

// The values of EngineCommand.Kind.
const (
	EngineLlamaServer = "llama-server"
	EngineXllamaCPP   = "xllamacpp"
)

// LibraryOptions says where a Library keeps things and where it may get them.
type LibraryOptions struct {
	Dir         string   // cache folder, made when missing: models/, engines/ and python/ below it
	Sources     []string // order in which sources are tried; default: folder, huggingface, packages
	Folder      string   // where the source "folder" looks; that source is skipped when empty
	Offline     bool     // fetch nothing
	LlamaServer string   // path of a llama-server to use in place of any other
	HubURL      string   // base URL of the Hugging Face hub; default https://huggingface.co
	Python      string   // Python 3.10 or later that makes the managed environments; default python3
	Logger      *slog.Logger
}

// Library is the models and engines of one cache folder. Its methods may be called from many goroutines, and several
// processes may share the folder.
type Library struct {
	o      LibraryOptions
	known  list
	client *http.Client

	// Tests set these.
	freeSpace func(dir string) (int64, error)
	retryWait time.Duration // before a download that was cut is taken up again

	mu       sync.Mutex
	flights  map[string]*flight // by model id, the pulls in progress in this process
	added    []Model            // what added.json said at addedAt
	addedAt  time.Time
	versions map[string]string // of engine binaries, by path and modification time
}

// Open reads the catalogue and makes the cache folder.
func Open(o LibraryOptions) (*Library, error) {
	if o.Dir == "" {
		return nil, errors.New("no cache folder is set for models and engines")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if len(o.Sources) == 0 {
		o.Sources = []string{SourceFolder, SourceHuggingFace, SourcePackages}
	}
	for _, s := range o.Sources {
		if !slices.Contains([]string{SourceFolder, SourceHuggingFace, SourcePackages}, s) {
			return nil, fmt.Errorf("there is no source of models called %q; the sources are folder, huggingface and packages", s)
		}
	}
	if o.HubURL == "" {
		o.HubURL = "https://huggingface.co"
	}
	o.HubURL = strings.TrimRight(o.HubURL, "/")
	if o.Python == "" {
		o.Python = "python3"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	known, err := catalogue()
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"models", "engines"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("the cache folder cannot be used: %w", err)
		}
	}
	return &Library{
		o: o, known: known, client: hubClient(), freeSpace: freeSpace, retryWait: time.Second,
		flights: map[string]*flight{}, versions: map[string]string{},
	}, nil
}

// Models lists the catalogue in its own order, then what the user added, by id.
func (l *Library) Models() []Model {
	return append(slices.Clone(l.known.Models), l.userModels()...)
}

// Model finds a model by its id, or by the hf:owner/name:file that it was pulled as.
func (l *Library) Model(id string) (Model, bool) {
	for _, m := range l.Models() {
		if m.ID == id || m.Origin != "" && m.Origin == id {
			return m, true
		}
	}
	return Model{}, false
}

// file is where the model's file lies, or will lie.
func (l *Library) file(m Model) string {
	if filepath.IsAbs(m.File) {
		return m.File
	}
	return filepath.Join(l.o.Dir, "models", m.File)
}

// Embedding is the model that makes vectors when nobody asks for a certain one; empty when the catalogue names none.
func (l *Library) Embedding() string {
	for _, m := range l.Models() {
		if m.Kind == KindEmbedding && m.Default {
			return m.ID
		}
	}
	return ""
}

// Needed gives the models that have to be on disk for a server whose default chat model is chat: that one, unless it is
// no model of this library but, say, a server of the user's own, and the default embedding model.
func (l *Library) Needed(chat string) []string {
	var ids []string
	for _, id := range []string{chat, l.Embedding()} {
		if _, ok := l.Model(id); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// Path gives the model's file when it is whole on disk. A file gets its name only after its hash was checked, so that
// looking at its size is enough here; Verify reads it again.
func (l *Library) Path(id string) (string, bool) {
	m, ok := l.Model(id)
	if !ok {
		return "", false
	}
	path := l.file(m)
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular() && info.Size() == m.Size
}

// The values of Disk.State.
const (
	DiskReady   = "ready"
	DiskPartial = "partial" // a pull began and can go on
	DiskMissing = "missing"
)

// Disk is what a model takes up on disk.
type Disk struct {
	State string // one of the Disk constants
	Path  string // of the file, there or not
	Bytes int64  // on disk now
}

// Disk says how much of a model is on disk; an unknown id is missing.
func (l *Library) Disk(id string) Disk {
	m, ok := l.Model(id)
	if !ok {
		return Disk{State: DiskMissing}
	}
	d := Disk{State: DiskMissing, Path: l.file(m)}
	if _, ok := l.Path(id); ok {
		d.State, d.Bytes = DiskReady, m.Size
	} else if info, err := os.Stat(d.Path + partialSuffix); err == nil && info.Size() > 0 {
		d.State, d.Bytes = DiskPartial, info.Size()
	}
	return d
}

// Verify reads the model's whole file and compares it with the hash that it had when it came. A file that has changed is
// deleted, unless it is the user's own, so that the next Pull brings it again.
func (l *Library) Verify(id string) error {
	m, ok := l.Model(id)
	if !ok {
		return fmt.Errorf("there is no model %q", id)
	}
	path := l.file(m)
	if err := checkFile(path, m.Size, m.SHA256); err != nil {
		if !filepath.IsAbs(m.File) && !errors.Is(err, os.ErrNotExist) {
			err = errors.Join(err, os.Remove(path))
		}
		return fmt.Errorf("model %s: %w", id, err)
	}
	return nil
}
