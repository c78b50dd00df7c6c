// Command eval measures how often replies in JSON satisfy what the request asked for. It sends the 100 prompts of
// cases.json through the built server to a real model, and validates every reply with a JSON Schema library of its own.
//
// Its exit code is 1 only when it could not measure: a poor figure is a figure, printed with every failure.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/everpoint/everpoint/internal/measure"
)

//go:embed cases.json
var casesJSON []byte

// testCase is one prompt and what its reply must satisfy.
type testCase struct {
	Name        string          `json:"name"`
	Mode        string          `json:"mode"` // object, strict or loose (a schema that is not strict)
	Temperature float64         `json:"temperature"`
	Stream      bool            `json:"stream"`
	Prompt      string          `json:"prompt"`
	Schema      json.RawMessage `json:"schema"`
}

// result is what became of a case; Fault is empty when its reply is valid.
type result struct {
	testCase testCase
	Reply    string
	Fault    string
	tokens   int
}

type options struct {
	binary, url, key, model, docs string
	maxTokens, parallel           int
	seed                          int64
	only                          *regexp.Regexp
	verbose                       bool
}

func main() {
	var o options
	only := ""
	flag.StringVar(&o.binary, "everpoint", "bin/everpoint", "the program that is started, with the small model")
	flag.StringVar(&o.url, "url", "", "base URL of a server that already runs, in place of starting one")
	flag.StringVar(&o.key, "key", "", "with --url: the key to send")
	flag.StringVar(&o.model, "model", "qwen2.5-coder-0.5b-instruct", "the model to ask")
	flag.StringVar(&o.docs, "update-docs", "", "file whose figures are rewritten with this run's")
	flag.IntVar(&o.maxTokens, "max-tokens", 400, "most tokens of one reply")
	flag.IntVar(&o.parallel, "parallel", 2, "requests at the same time")
	flag.Int64Var(&o.seed, "seed", 1, "seed of every request")
	flag.StringVar(&only, "only", "", "run only the cases whose name matches this expression")
	flag.BoolVar(&o.verbose, "v", false, "print the valid replies too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // the first context
	defer stop()
	var err error
	if o.only, err = regexp.Compile(only); err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "eval-json:", err)
		stop()
		os.Exit(1) //nolint:gocritic // the deferred stop has been called
	}
}

func run(ctx context.Context, o options) error {
	var all []testCase
	if err := json.Unmarshal(casesJSON, &all); err != nil {
		return fmt.Errorf("cases.json: %w", err)
	}
	var cases []testCase
	for _, c := range all {
		if o.only.MatchString(c.Name) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return errors.New("no case has a name like that")
	}
	if o.docs != "" && len(cases) < len(all) {
		return errors.New("the figures in the docs are those of all cases; leave --only out")
	}
	if o.url == "" {
		dir, err := os.MkdirTemp("", "everpoint-eval-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		s, err := measure.StartServer(ctx, o.binary, dir, nil, "--small")
		if err != nil {
			return err
		}
		defer s.Stop()
		o.url, o.key = s.URL, s.Key
	}
	c := &client{options: o}
	if err := c.warmUp(ctx); err != nil {
		return err
	}
	started, at := time.Now(), measure.Commit() // it may change while this runs
	results, err := askAll(ctx, c, cases)
	if err != nil {
		return err
	}
	return report(o, results, at, time.Since(started))
}

// askAll runs the cases, some at the same time, and keeps their order. It ends early when the server is gone.
func askAll(ctx context.Context, c *client, cases []testCase) ([]result, error) {
	results := make([]result, len(cases))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.parallel))
	for i, t := range cases {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r, err := c.ask(ctx, t)
			switch {
			case err != nil:
				return err
			case r.Fault != "":
				fmt.Printf("FAIL %s: %s\n     %s\n", t.Name, oneLine(r.Fault), oneLine(r.Reply))
			case c.verbose:
				fmt.Printf("ok   %s: %s\n", t.Name, oneLine(r.Reply))
			}
			results[i] = r
			return nil
		})
	}
	return results, group.Wait()
}

func oneLine(s string) string {
	s = strings.ReplaceAll(s, "\n", "⏎")
	if len(s) > 600 {
		s = strings.ToValidUTF8(s[:600], "") + "…"
	}
	return s
}
