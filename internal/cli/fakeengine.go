package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/everpoint/everpoint/internal/fakeengine"
)

type fakeEngineCmd struct {
	Listen string `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where to accept connections; port 0 takes any free one."`
	Script string `type:"path" placeholder:"FILE" help:"What to answer (JSON). Default: one sentence, at once."`
}

// Help is shown by --help.
func (c *fakeEngineCmd) Help() string {
	return `A script is rules, of which the first that matches a request decides, and settings of the engine (model, key, context,
slots, dimensions, never_ready):

  {"slots": 2, "rules": [
    {"contains": "weather", "reply": "It is sunny.", "first_token": "200ms", "between_tokens": "20ms"},
    {"contains": "long", "tokens": 500, "then": "cut", "after": 20},
    {"model": "tired", "status": 429}]}

"then" is what goes wrong after so many tokens: cut, garbage, stall or error.`
}

// Run serves until it is interrupted.
func (c *fakeEngineCmd) Run(ctx context.Context, a *app) error {
	var script fakeengine.Script
	if c.Script != "" {
		data, err := os.ReadFile(c.Script)
		if err != nil {
			return fmt.Errorf("cannot read the script: %w", err)
		}
		if script, err = fakeengine.ParseScript(data); err != nil {
			return usageError{fmt.Errorf("%s: %w", c.Script, err)}
		}
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s; choose another address with --listen: %w", c.Listen, err)
	}
	s := &http.Server{Handler: fakeengine.New(script), ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // nothing to drain: its answers are worth nothing
	defer stop()
	a.printf("http://%s\n", l.Addr())
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
