package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/measure"
)

// tally counts the valid replies of a group of cases.
type tally struct{ valid, all int }

func (t tally) String() string { return fmt.Sprintf("%d of %d", t.valid, t.all) }

// report prints the figures and, if asked, writes them into the docs.
func report(o options, results []result, commit string, took time.Duration) error {
	groups := []struct {
		name string
		in   func(testCase) bool
	}{
		{"json_object", func(c testCase) bool { return c.Mode == "object" }},
		{"json_schema, strict", func(c testCase) bool { return c.Mode == "strict" }},
		{"json_schema, not strict", func(c testCase) bool { return c.Mode == "loose" }},
		{"temperature 0", func(c testCase) bool { return c.Temperature == 0 }},
		{"temperature 0.7", func(c testCase) bool { return c.Temperature > 0 }},
		{"streamed", func(c testCase) bool { return c.Stream }},
		{"not streamed", func(c testCase) bool { return !c.Stream }},
		{"all", func(testCase) bool { return true }},
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Model %s, seed %d, at most %d tokens a reply.\n\n| replies | valid |\n|---|---|\n", o.model, o.seed, o.maxTokens)
	for _, g := range groups {
		var t tally
		for _, r := range results {
			if !g.in(r.testCase) {
				continue
			}
			t.all++
			if r.Fault == "" {
				t.valid++
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", g.name, t)
	}
	failed := 0
	for _, r := range results {
		if r.Fault == "" {
			continue
		}
		if failed++; failed == 1 {
			b.WriteString("\nNot valid:\n\n")
		}
		fmt.Fprintf(&b, "- %s: %s\n", r.testCase.Name, oneLine(r.Fault))
	}
	tokens := 0
	for _, r := range results {
		tokens += r.tokens
	}
	fmt.Printf("\n%s\n%d tokens in %s\n", b.String(), tokens, took.Round(time.Second))
	if o.docs == "" {
		return nil
	}
	return measure.UpdateFigures(o.docs, "eval-json", fmt.Sprintf("%s, commit %s. %s", time.Now().UTC().Format(time.DateOnly), commit, b.String()))
}
