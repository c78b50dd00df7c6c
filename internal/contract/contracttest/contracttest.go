// Package contracttest checks recorded responses against the API's published contract. Only tests import it.
//
// It works on responses.json, which package contract's generator extracts from the contract, and compiles only the
// schemas that are asked for: loading takes milliseconds, where a validator that takes the contract whole needs nine
// seconds and 370 MB. Where the contract itself is wrong about what the vendor sends, responsePatches in
// internal/contract/gen/patches.go corrects it and says why.
package contracttest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed responses.json
var responses []byte

// Operation is one line of operations.tsv: an operation in this product's scope.
type Operation struct {
	Method  string `json:"method"`   // HTTP method
	Path    string `json:"path"`     // path template without /v1, such as /models/{model}
	ID      string `json:"id"`       // the contract's operationId
	BuiltBy string `json:"built_by"` // what builds it, or "501: " and the reason why it never is

	Responses map[string]string `json:"responses"` // schema name by status; "" says that anything goes
	Chunk     string            `json:"chunk"`     // schema name of what a stream is made of; "" says that nothing streams
	Events    bool              `json:"events"`    // Chunk holds the event's name and data, not the data alone
}

// anyBytes are the operations whose success may be something else than JSON.
var anyBytes = map[string]bool{"downloadFile": true, "createSpeech": true, "createTranscription": true, "createTranslation": true}

// contract is responses.json, with the schemas compiled so far.
type contract struct {
	operations []Operation
	mu         sync.Mutex // guards compiler and schemas
	compiler   *jsonschema.Compiler
	schemas    map[string]*jsonschema.Schema
}

var load = sync.OnceValues(func() (*contract, error) {
	var file struct {
		Operations []Operation    `json:"operations"`
		Schemas    map[string]any `json:"schemas"`
	}
	if err := json.Unmarshal(responses, &file); err != nil {
		return nil, err
	}
	c := &contract{operations: file.Operations, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	for name, schema := range file.Schemas {
		if err := c.compiler.AddResource(base+name, schema); err != nil {
			return nil, err
		}
	}
	return c, nil
})

// base makes a schema's name a location, so that the names in $ref lead to other schemas.
const base = "file:///contract/"

// Operations gives every operation in scope, in the order of operations.tsv. It panics if responses.json is broken.
func Operations() []Operation {
	c, err := load()
	if err != nil {
		panic(err)
	}
	return c.operations
}

// Validate fails t unless the response is one that the contract allows for the operation at method and path: an error
// envelope for a status from 400 on, else a body by the operation's schema, or a stream of such chunks.
// path is the path that was asked for, with or without /v1.
func Validate(t testing.TB, method, path string, status int, header http.Header, body []byte) {
	t.Helper()
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.response(method, path, status, header, body); err != nil {
		t.Errorf("%s %s answered %d against the contract: %v\n%s", method, path, status, err, shorten(body))
	}
}

// ValidateChunk fails t unless data fits the component schema of that name, such as CreateChatCompletionStreamResponse.
func ValidateChunk(t testing.TB, schemaName string, data []byte) {
	t.Helper()
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.fits(schemaName, data); err != nil {
		t.Errorf("not a %s: %v\n%s", schemaName, err, shorten(data))
	}
}

func (c *contract) response(method, path string, status int, header http.Header, body []byte) error {
	op, ok := c.find(method, path)
	if !ok {
		return fmt.Errorf("no such operation in operations.tsv")
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type %q: %w", header.Get("Content-Type"), err)
	}
	switch {
	case status >= 400 && kind != "application/json":
		return fmt.Errorf("an error of content type %q", kind)
	case status >= 400:
		return c.fits("ErrorResponse", body)
	case kind == "text/event-stream":
		return c.stream(op, body)
	case kind != "application/json" && anyBytes[op.ID]:
		return nil
	case kind != "application/json":
		return fmt.Errorf("content type %q", kind)
	}
	name, ok := op.Responses[strconv.Itoa(status)]
	if !ok {
		return fmt.Errorf("the contract has no status %d here", status)
	}
	if name == "" {
		return nil
	}
	return c.fits(name, body)
}

// stream checks the events of a stream and that it ends with [DONE] where all of its kind do.
func (c *contract) stream(op Operation, body []byte) error {
	if op.Chunk == "" {
		return fmt.Errorf("the contract has no stream here")
	}
	done := false
	for block := range strings.SplitSeq(strings.TrimRight(string(body), "\n"), "\n\n") {
		var event, data string
		for line := range strings.Lines(block) {
			line = strings.TrimRight(line, "\n")
			if value, ok := strings.CutPrefix(line, "event: "); ok {
				event = value
			} else if value, ok := strings.CutPrefix(line, "data: "); ok {
				data += value
			} else if !strings.HasPrefix(line, ":") {
				return fmt.Errorf("a line that is neither event, data nor comment: %q", line)
			}
		}
		if data == "" {
			continue
		}
		if done {
			return fmt.Errorf("an event after [DONE]")
		}
		if data == "[DONE]" {
			done = true
			continue
		}
		if err := c.event(op, event, data); err != nil {
			return fmt.Errorf("event %s: %w in %s", event, err, data)
		}
	}
	return nil
}

// event checks one event of op's stream. A failure in mid-stream has the form of an error response.
func (c *contract) event(op Operation, event, data string) error {
	if strings.HasPrefix(data, `{"error"`) {
		return c.fits("ErrorResponse", []byte(data))
	}
	if !op.Events {
		return c.fits(op.Chunk, []byte(data))
	}
	name, err := json.Marshal(event)
	if err != nil {
		return err
	}
	return c.fits(op.Chunk, fmt.Appendf(nil, `{"event":%s,"data":%s}`, name, data))
}

// fits tells whether data is JSON by the schema of that name.
func (c *contract) fits(name string, data []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.schemas[name]
	if !ok {
		if s, err = c.compiler.Compile(base + name); err != nil {
			return err
		}
		c.schemas[name] = s
	}
	return s.Validate(value)
}

// find gives the operation at a path. Of templates that fit, one without a parameter where another has one wins.
func (c *contract) find(method, path string) (Operation, bool) {
	path, _, _ = strings.Cut(path, "?")
	asked := strings.Split(strings.Trim(strings.TrimPrefix(path, "/v1"), "/"), "/")
	var best Operation
	fixed := -1 // steps of best that are no parameter
	for _, op := range c.operations {
		if op.Method != method {
			continue
		}
		if n := match(strings.Split(strings.Trim(op.Path, "/"), "/"), asked); n > fixed {
			best, fixed = op, n
		}
	}
	return best, fixed >= 0
}

// match counts the steps of template that are no parameter, or gives -1 if it does not fit.
func match(template, asked []string) int {
	if len(template) != len(asked) {
		return -1
	}
	fixed := 0
	for i, step := range template {
		if strings.HasPrefix(step, "{") {
			if asked[i] == "" {
				return -1
			}
			continue
		}
		if step != asked[i] {
			return -1
		}
		fixed++
	}
	return fixed
}

func shorten(body []byte) string {
	if len(body) > 2000 {
		return string(body[:2000]) + "…"
	}
	return string(body)
}
