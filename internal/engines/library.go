// Package engines owns what runs models on this machine: the catalogue of models, their files on disk, the programs that
// load them, and the child processes in which those programs run. Nothing here knows the OpenAI API.
//
// The package has two halves. Library knows what exists, what is on disk and how to get the rest. Supervisor starts, watches
// and stops the processes that use it.
package engines

import (
	"context"
	"errors"
	"log/slog"
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
	FIM        *FIM     `json:"fim,omitempty"`     // nil when the model cannot fill in the middle
	Default    bool     `json:"default,omitempty"` // fetched by a server that has no configuration
	Small      bool     `json:"small,omitempty"`   // takes the place of the default chat model on small machines
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
}

// EngineCommand is what starts an engine.
type EngineCommand struct {
	Kind    string // "llama-server" or "xllamacpp"
	Path    string // the llama-server binary, or the Python that has xllamacpp
	Script  string // the worker that Python runs; the supervisor writes it, Library leaves it empty
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
	Python      string   // Python 3.9 or later that makes the managed environments; default python3
	Logger      *slog.Logger
}

// Library is the models and engines of one cache folder. Its methods may be called from many goroutines, and several
// processes may share the folder.
type Library struct {
	o LibraryOptions
}

// Open reads the catalogue and what the user added to the cache folder.
func Open(o LibraryOptions) (*Library, error) { return &Library{o: o}, nil }

// Models lists the catalogue, then what the user added, each by the catalogue's order or by id.
func (l *Library) Models() []Model { return nil }

// Model finds a model by its id.
func (l *Library) Model(id string) (Model, bool) { return Model{}, false }

// Path gives the model's file when it is whole on disk.
func (l *Library) Path(id string) (string, bool) { return "", false }

// Pull fetches a model: an id of the catalogue, or hf:owner/name:file.
func (l *Library) Pull(ctx context.Context, id string, onProgress func(Progress)) (Model, error) {
	return Model{}, errors.New("not written yet")
}

// Add makes a GGUF file that lies anywhere on this machine a model.
func (l *Library) Add(path string) (Model, error) { return Model{}, errors.New("not written yet") }

// Remove deletes a model's file; a model that the user added is forgotten as well.
func (l *Library) Remove(id string) error { return errors.New("not written yet") }

// InstallEngine installs an engine, or compiles it for this machine's CPU when build is set.
func (l *Library) InstallEngine(ctx context.Context, name string, build bool, onProgress func(Progress)) error {
	return errors.New("not written yet")
}

// Engine gives the command that starts an engine, when it is installed.
func (l *Library) Engine(name string) (EngineCommand, bool) { return EngineCommand{}, false }
