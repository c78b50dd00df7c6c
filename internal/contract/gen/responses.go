package main

import (
	"fmt"
	"slices"
	"strings"
)

// responseFile is contracttest/responses.json.
type responseFile struct {
	Operations []responseOperation `json:"operations"` // in the order of operations.tsv
	Schemas    map[string]any      `json:"schemas"`    // JSON Schema 2020-12, by name; a $ref is a name
}

type responseOperation struct {
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	ID        string            `json:"id"`
	BuiltBy   string            `json:"built_by"`
	Responses map[string]string `json:"responses"`        // the name in Schemas by status; "" says that anything goes
	Chunk     string            `json:"chunk,omitempty"`  // the name in Schemas of what a stream is made of
	Events    bool              `json:"events,omitempty"` // Chunk holds the event's name and data, not the data alone
}

// undeclaredStreams are the operations that stream although the contract does not say so beside their response.
var undeclaredStreams = map[string]string{
	"createCompletion":      "CreateCompletionResponse",
	"createRun":             "AssistantStreamEvent",
	"createThreadAndRun":    "AssistantStreamEvent",
	"submitToolOuputsToRun": "AssistantStreamEvent",
}

func extractResponses(doc *object, operations [][]string) (*responseFile, error) {
	file := &responseFile{Schemas: map[string]any{}}
	components := doc.object("components").object("schemas")
	for _, name := range components.keys {
		file.Schemas[name] = jsonSchema(components.get(name), name)
	}
	for _, row := range operations {
		op := responseOperation{Method: row[0], Path: row[1], ID: row[2], BuiltBy: row[3], Responses: map[string]string{}}
		place := fmt.Sprintf("paths/%s/%s", escape(op.Path), strings.ToLower(op.Method))
		if id, _ := at(doc, place+"/operationId").(string); id != op.ID {
			return nil, fmt.Errorf("%s %s is %q in the contract, not %q", op.Method, op.Path, id, op.ID)
		}
		responses := at(doc, place+"/responses").(*object)
		for _, status := range responses.keys {
			content := "content/application~1json/schema"
			if to := responses.object(status).text("$ref"); to != "" {
				content = to[len("#/"):] + "/" + content
			} else {
				content = place + "/responses/" + status + "/" + content
			}
			op.Responses[status] = file.define(at(doc, content), op.ID+"-"+status)
		}
		stream, _ := at(doc, place+"/responses/200/content/text~1event-stream/schema/$ref").(string)
		op.Chunk = strings.TrimPrefix(stream, "#/components/schemas/")
		if chunk, ok := undeclaredStreams[op.ID]; ok {
			op.Chunk = chunk
		}
		op.Events = op.Chunk == "AssistantStreamEvent"
		file.Operations = append(file.Operations, op)
	}
	return file, nil
}

// define gives the name of a schema in Schemas, and puts it there if it has no name of its own.
func (f *responseFile) define(s any, name string) string {
	o, ok := s.(*object)
	if !ok {
		return ""
	}
	if to := o.text("$ref"); to != "" {
		return strings.TrimPrefix(to, "#/components/schemas/")
	}
	f.Schemas[name] = jsonSchema(o, "")
	return name
}

// annotations are the keys that say nothing about validity.
var annotations = []string{"description", "title", "example", "examples", "default", "deprecated", "discriminator", "format",
	"nullable", "oneOf", "$recursiveAnchor", "min_items", "max_items", "readOnly", "externalDocs"}

// jsonSchema turns a schema of the contract, inside the named component, into JSON Schema 2020-12. oneOf becomes anyOf:
// the contract's alternatives overlap, and a value that fits two of them is no error.
func jsonSchema(s any, component string) any {
	switch s := s.(type) {
	case *object:
		out := map[string]any{}
		for _, key := range s.keys {
			switch value := s.get(key); key {
			case "$ref":
				out[key] = strings.TrimPrefix(s.text(key), "#/components/schemas/")
			case "$recursiveRef":
				out["$ref"] = component
			case "properties", "patternProperties":
				props := map[string]any{}
				for _, name := range s.object(key).keys {
					props[name] = jsonSchema(s.object(key).get(name), component)
				}
				out[key] = props
			case "exclusiveMinimum":
				if out[key] = value; value == true {
					out[key] = s.get("minimum")
				}
			case "enum", "const":
				out[key] = plainValue(value)
			case "required":
				var names []any
				for _, name := range s.list(key) {
					if !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
				out[key] = names
			default:
				if !slices.Contains(annotations, key) && !strings.HasPrefix(key, "x-") {
					out[key] = jsonSchema(value, component)
				}
			}
		}
		if branches, ok := s.get("oneOf").([]any); ok {
			out["anyOf"] = append(orEmpty(out["anyOf"]), jsonSchema(branches, component).([]any)...)
		}
		if s.object("properties") != nil && s.text("type") == "" { // some schemas forget it, and would take a number
			out["type"] = "object"
		}
		if s.get("nullable") == true {
			return map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i := range s {
			out[i] = jsonSchema(s[i], component)
		}
		return out
	default:
		return s
	}
}

func orEmpty(v any) []any {
	list, _ := v.([]any)
	return list
}

// plainValue turns objects into maps and leaves all else alone.
func plainValue(v any) any {
	switch v := v.(type) {
	case *object:
		out := map[string]any{}
		for _, key := range v.keys {
			out[key] = plainValue(v.get(key))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plainValue(v[i])
		}
		return out
	default:
		return v
	}
}
