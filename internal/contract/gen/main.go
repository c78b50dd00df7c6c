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
	requests, responses, err := derive("testdata/openai-openapi.yaml", "operations.tsv")
	if err != nil {
		return err
	}
	if err := os.WriteFile("requests.json", requests, 0o644); err != nil {
		return err
	}
	return os.WriteFile("contracttest/responses.json", responses, 0o644)
}

// derive gives the contents of the two files.
func derive(contract, table string) (requests, responses []byte, err error) {
	operations, err := readOperations(table)
	if err != nil {
		return nil, nil, err
	}
	doc, err := readYAML(contract)
	if err != nil {
		return nil, nil, err
	}
	if err := apply(doc, requestPatches); err != nil {
		return nil, nil, err
	}
	compiled, err := compileRequests(doc, operations)
	if err != nil {
		return nil, nil, err
	}
	if requests, err = json.Marshal(compiled); err != nil {
		return nil, nil, err
	}
	if doc, err = readYAML(contract); err != nil { // without the patches for requests
		return nil, nil, err
	}
	if err := apply(doc, responsePatches); err != nil {
		return nil, nil, err
	}
	extracted, err := extractResponses(doc, operations)
	if err != nil {
		return nil, nil, err
	}
	responses, err = json.Marshal(extracted)
	return append(requests, '\n'), append(responses, '\n'), err
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

func escape(path string) string { return strings.ReplaceAll(path, "/", "~1") }
