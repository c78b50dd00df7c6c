package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/engines"
)

// openLibrary opens the models and engines of this user.
func openLibrary(conf config.Config, logger *slog.Logger) (*engines.Library, error) {
	return engines.Open(engines.LibraryOptions{
		Dir: conf.Engines.Cache, Sources: conf.Engines.Sources, Folder: conf.Engines.Folder,
		Offline: conf.Engines.Offline, LlamaServer: conf.Engines.LlamaServer, Logger: logger,
	})
}

// library is openLibrary for commands that a person waits for; warnings go to notes.
func (a *app) library(notes io.Writer) (*engines.Library, config.Config, error) {
	conf, err := a.config()
	if err != nil {
		return nil, config.Config{}, err
	}
	lib, err := openLibrary(conf, slog.New(noteHandler{notes}))
	return lib, conf, err
}

// noteHandler writes warnings as lines for a person. Errors are left out: the command reports them as it ends.
type noteHandler struct{ w io.Writer }

// Enabled picks warnings.
func (h noteHandler) Enabled(_ context.Context, l slog.Level) bool { return l == slog.LevelWarn }

// Handle writes the message and its facts on one line.
func (h noteHandler) Handle(_ context.Context, r slog.Record) error {
	line := "everpoint: " + r.Message
	r.Attrs(func(attr slog.Attr) bool {
		line += fmt.Sprintf(", %s: %v", attr.Key, attr.Value)
		return true
	})
	_, err := io.WriteString(h.w, line+"\n")
	return err
}

// WithAttrs does nothing: the library does not use it.
func (h noteHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup does nothing: the library does not use it.
func (h noteHandler) WithGroup(string) slog.Handler { return h }

// newLogger logs as the configuration says.
func newLogger(w io.Writer, c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(c.Level))); err != nil {
		return nil, usagef("log.level %q is none of debug, info, warn, error", c.Level)
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return slog.New(slog.NewTextHandler(w, o)), nil
}

// noModel is the error of a name that is no model's.
func noModel(id string) error {
	return fmt.Errorf("there is no model %q. To see all: everpoint models list", id)
}

// chatModel is the id of the chat model that is fetched when nobody asks for a certain one.
func chatModel(lib *engines.Library, conf config.Config, small bool) (string, error) {
	if small {
		for _, m := range lib.Models() {
			if m.Small && m.Kind == engines.KindChat {
				return m.ID, nil
			}
		}
		return "", usagef("--small: the catalogue names no small chat model; leave --small out")
	}
	return conf.Models.ChatTarget(), nil
}

// defaultModels are those that a server without further configuration needs: one that chats, one that embeds.
func defaultModels(lib *engines.Library, conf config.Config, small bool) ([]string, error) {
	chat, err := chatModel(lib, conf, small)
	if err != nil {
		return nil, err
	}
	return lib.Needed(chat), nil
}
