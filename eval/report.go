package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The part of the docs that a run rewrites stands between these lines.
const (
	figuresStart = "<!-- figures: written by make eval-json -->"
	figuresEnd   = "<!-- end of figures -->"
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
	return updateDocs(o.docs, fmt.Sprintf("%s, commit %s. %s", time.Now().UTC().Format(time.DateOnly), commit, b.String()))
}

// updateDocs replaces the figures of a file.
func updateDocs(path, figures string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), figuresStart)
	_, after, ok2 := strings.Cut(rest, figuresEnd)
	if !ok || !ok2 {
		return errors.New(path + " has no lines that mark its figures")
	}
	return os.WriteFile(path, []byte(before+figuresStart+"\n"+strings.TrimRight(figures, "\n")+"\n"+figuresEnd+after), 0o644)
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output() //nolint:noctx // takes no time
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
