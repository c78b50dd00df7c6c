package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/server"
)

type serveCmd struct {
	Listen    string `placeholder:"HOST:PORT" help:"Where to accept connections. Default: 127.0.0.1:8080."`
	Database  string `placeholder:"URL" help:"Path of an SQLite file, or postgres://… Default: everpoint.db in the data folder."`
	Offline   bool   `help:"Never download anything."`
	Small     bool   `help:"Let the small model answer chats: less memory, less sense."`
	NoAuth    bool   `help:"Ask for no key. Only for a loopback address."`
	LogLevel  string `placeholder:"LEVEL" help:"debug, info, warn or error."`
	LogFormat string `placeholder:"FORMAT" help:"text or json."`
}

// Run serves until ctx ends, then lets running requests finish. A second Ctrl-C does not wait for them.
func (c *serveCmd) Run(ctx context.Context, a *app) error {
	conf, err := c.config(a)
	if err != nil {
		return err
	}
	logger, err := newLogger(a.Err, conf.Log)
	if err != nil {
		return err
	}
	s, err := server.New(conf, logger)
	if err != nil {
		return err
	}
	if err = s.Start(ctx); err == nil {
		a.greet(s, conf)
		select {
		case <-ctx.Done():
			a.notef("Stopping; running answers may take up to %s to end. Ctrl-C again ends at once.\n", conf.Limits.Drain)
		case err = <-s.Failed():
		}
	}
	if stopErr := s.Stop(context.WithoutCancel(ctx)); err == nil {
		err = stopErr
	}
	return err
}

// config lays the command's flags over the configuration and checks the whole again.
func (c *serveCmd) config(a *app) (config.Config, error) {
	conf, err := a.config()
	if err != nil {
		return conf, err
	}
	for _, f := range []struct {
		flag string
		to   *string
	}{{c.Listen, &conf.Listen}, {c.Database, &conf.Database}, {c.LogLevel, &conf.Log.Level}, {c.LogFormat, &conf.Log.Format}} {
		if f.flag != "" {
			*f.to = f.flag
		}
	}
	if c.Offline {
		conf.Engines.Offline = true
	}
	if c.NoAuth {
		conf.Auth = false
	}
	if c.Small {
		lib, err := openLibrary(conf, nil)
		if err != nil {
			return conf, err
		}
		if conf.Models.Chat, err = chatModel(lib, conf, true); err != nil {
			return conf, err
		}
	}
	return conf, conf.Check()
}

// greet prints where the server is, how to get in, and lines to paste.
func (a *app) greet(s *server.Server, conf config.Config) {
	a.printf("\nEverpoint serves %s/v1\n", s.URL())
	export := ""
	switch key := filepath.Join(conf.Data, "key"); {
	case !conf.Auth:
		a.printf("Key: none is needed (the SDKs want some value).\n")
		export = "none"
	case conf.BootstrapKey != "":
		a.printf("Key: the one in EVERPOINT_BOOTSTRAP_KEY.\n")
		export = `"$EVERPOINT_BOOTSTRAP_KEY"`
	case s.FirstKey() != "":
		a.printf("Key: %s\n     shown this once, and kept for you alone in %s\n", s.FirstKey(), key)
		export = s.FirstKey()
	case fileExists(key):
		a.printf("Key: kept in %s; more with: everpoint keys create\n", key)
		export = `"$(cat ` + quoted(key) + `)"`
	default:
		a.printf("Key: one that you have; more with: everpoint keys create\n")
		export = "YOUR_KEY"
	}
	if s.Fingerprint() != "" {
		a.printf("The certificate is the server's own (SHA-256 %s): clients have to trust %s.\n", s.Fingerprint(), filepath.Join(conf.Data, "tls-cert.pem"))
	}
	a.printf(pasteLines, s.URL(), export)
}

// pasteLines name a model of the vendor's: it is what the code that people have says, and a local model answers to it.
const pasteLines = `
To use it, paste:
  export OPENAI_BASE_URL=%s/v1 OPENAI_API_KEY=%s
curl:
  curl $OPENAI_BASE_URL/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json" -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]}'
Python (pip install openai):
  python3 -c 'from openai import OpenAI; print(OpenAI().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Say hello."}]).choices[0].message.content)'
Node (npm install openai):
  node -e 'const OpenAI = require("openai"); new OpenAI().chat.completions.create({model: "gpt-4o-mini", messages: [{role: "user", content: "Say hello."}]}).then(r => console.log(r.choices[0].message.content))'

`

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// quoted protects a path from the shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
