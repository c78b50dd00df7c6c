package config

import (
	"fmt"
	"strings"
)

// Problem is one mistake.
type Problem struct {
	File    string // the YAML file, or the environment variable at fault; empty when neither is known
	Line    int    // counted from 1; 0 when the mistake has no line
	Path    string // where in the file, such as limits.body; empty for the file as a whole
	Message string // what is wrong and what is allowed
}

// String is "file:line: path: message", without the parts that are unknown.
func (p Problem) String() string {
	var parts []string
	switch {
	case p.File != "" && p.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d", p.File, p.Line))
	case p.File != "":
		parts = append(parts, p.File)
	}
	if p.Path != "" {
		parts = append(parts, p.Path)
	}
	return strings.Join(append(parts, p.Message), ": ")
}

// Error is every mistake of a configuration, in the order of the file.
type Error struct {
	Problems []Problem
}

// Error has one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
