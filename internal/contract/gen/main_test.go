package main

import (
	"bytes"
	"os"
	"testing"
)

// TestGeneratedFilesAreCurrent fails when the contract, the table or a patch changed without go generate.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	requests, responses, err := derive("../testdata/openai-openapi.yaml", "../operations.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{"../requests.json": requests, "../contracttest/responses.json": responses} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate in internal/contract", path)
		}
	}
}
