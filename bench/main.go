// Command bench measures what Everpoint adds to an engine that is called directly. One run, on one machine, starts
// everything that it measures: a real engine and a scripted one, the server in front of each, and a load generator that
// treats both the same. It prints a table, or JSON, and can write the figures into the docs.
//
// Its exit code is 1 only when it could not measure. A goal that is missed is printed with by how much.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/everpoint/everpoint/internal/measure"
)

type options struct {
	binary string
	quick  bool
	json   bool
	docs   string
	only   string
	rate   int
}

func main() {
	var o options
	flag.StringVar(&o.binary, "everpoint", "bin/everpoint", "the program to measure")
	flag.BoolVar(&o.quick, "quick", false, "a short run, to see that it works")
	flag.BoolVar(&o.json, "json", false, "print JSON in place of the table")
	flag.StringVar(&o.docs, "update-docs", "", "file whose figures are rewritten with this run's")
	flag.StringVar(&o.only, "only", "", "measure only one part: start, scripted or local")
	flag.IntVar(&o.rate, "rate", 1000, "requests per second of the scripted part")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // the first context
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part is one of the things that are measured. It takes its time and adds figures to the report.
type part struct {
	name string
	run  func(context.Context, options, *report) error
}

func run(ctx context.Context, o options) error {
	r := &report{Machine: describeMachine(), Started: time.Now().UTC(), Commit: measure.Commit(), Go: runtime.Version(), Quick: o.quick}
	parts := []part{{"start", measureStart}, {"scripted", measureScripted}, {"local", measureLocal}}
	ran := 0
	for _, p := range parts {
		if o.only != "" && o.only != p.name {
			continue
		}
		progressf("measuring: %s", p.name)
		if err := p.run(ctx, o, r); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		ran++
	}
	if ran == 0 {
		return fmt.Errorf("there is no part called %q", o.only)
	}
	r.LoadAfter = loadAverage()
	if o.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Print(r.table())
	}
	if o.docs == "" {
		return nil
	}
	if ran < len(parts) {
		return fmt.Errorf("the figures in %s are those of all parts; leave --only out", o.docs)
	}
	return measure.UpdateFigures(o.docs, "bench", r.table())
}

// progressf tells the person who waits what is going on.
func progressf(format string, args ...any) {
	fmt.Fprintln(os.Stderr, "bench: "+strings.TrimSuffix(fmt.Sprintf(format, args...), "\n"))
}
