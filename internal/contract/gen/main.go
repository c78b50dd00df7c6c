// Command gen derives from the contract, testdata/openai-openapi.yaml, the two data files that the product and its
// tests work with: requests.json, read by package contract, and contracttest/responses.json. It runs in
// internal/contract, by go generate.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	const source = "testdata/openai-openapi.yaml"
	operations, err := readOperations("operations.tsv")
	if err != nil {
		return err
	}
	doc, err := readYAML(source)
	if err != nil {
		return err
	}
	responses, err := extractResponses(doc, operations)
	if err != nil {
		return err
	}
	if err := writeJSON("contracttest/responses.json", responses); err != nil {
		return err
	}
	if err := apply(doc, requestPatches); err != nil {
		return err
	}
	requests, err := compileRequests(doc, operations)
	if err != nil {
		return err
	}
	return writeJSON("requests.json", requests)
}

// readOperations gives the rows of the file without its heading.
func readOperations(path string) ([][]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("%s: %q has not four columns", path, line)
		}
		rows = append(rows, fields)
	}
	return rows[1:], nil
}

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func escape(path string) string { return strings.ReplaceAll(path, "/", "~1") }

func lower(s string) string { return strings.ToLower(s) }
