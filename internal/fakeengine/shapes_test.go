package fakeengine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/everpoint/everpoint/internal/fakeengine"
)

// TestShapes asks for what a real llama-server was asked for when testdata was recorded, and compares the answers key for
// key: the same names in the same places with the same types of values, in streams chunk by chunk.
func TestShapes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	url := start(t, fakeengine.Script{Rules: []fakeengine.Rule{{Reply: "one two three four five"}}})
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var recorded struct {
				Path    string          `json:"path"`
				Request json.RawMessage `json:"request"`
				Answer  string          `json:"answer"`
			}
			if err := json.Unmarshal(data, &recorded); err != nil {
				t.Fatal(err)
			}
			request := strings.Replace(string(recorded.Request), "%LONG%", strings.Repeat("word ", 5000), 1)
			got := post(t, url+recorded.Path, request)
			if a, b := shapeOf(t, got.body), shapeOf(t, recorded.Answer); a != b {
				t.Errorf("the answer has the shape\n%s\nwhile a real one has\n%s", a, b)
			}
		})
	}
}

// shapeOf writes the paths and types in an answer, or in each event of a stream.
func shapeOf(t *testing.T, body string) string {
	t.Helper()
	if !strings.HasPrefix(body, "data: ") {
		return jsonShape(t, body)
	}
	var shapes []string
	for event := range strings.SplitSeq(strings.TrimSpace(body), "\n\n") {
		data, ok := strings.CutPrefix(event, "data: ")
		switch {
		case !ok:
			t.Fatalf("not an event: %q", event)
		case data == "[DONE]":
			shapes = append(shapes, data)
		default:
			shapes = append(shapes, jsonShape(t, data))
		}
	}
	return strings.Join(shapes, "\n")
}

func jsonShape(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("not JSON: %v: %q", err, text)
	}
	found := map[string]bool{}
	walk(found, "", v)
	list := make([]string, 0, len(found))
	for p := range found {
		// A script has no settings of a sampler.
		if !strings.HasPrefix(p, ".generation_settings.") {
			list = append(list, p)
		}
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

func walk(found map[string]bool, path string, v any) {
	found[fmt.Sprintf("%s:%T", path, v)] = true
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			walk(found, path+"."+k, item)
		}
	case []any:
		for _, item := range v {
			walk(found, path+"[]", item)
		}
	}
}
