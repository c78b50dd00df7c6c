// Package schema holds the rules for JSON Schemas that clients send: which schemas the vendor accepts as strict, and
// whether a model's text satisfies one.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Schema is a compiled JSON Schema.
type Schema struct{ compiled *jsonschema.Schema }

// Compile reads a JSON Schema. The error says what is wrong with it in words for the client who wrote it. References
// may point only into the schema itself.
func Compile(raw []byte) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the schema is not JSON: %w", err)
	}
	switch doc.(type) {
	case map[string]any, bool:
	default:
		return nil, errors.New("the schema must be a JSON object")
	}
	const name = "schema.json"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		return nil, errors.New(plain(err))
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return nil, errors.New(plain(err))
	}
	return &Schema{compiled: compiled}, nil
}

// noLoader keeps references from reading files or the network.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("'%s' is outside the schema; '$ref' may only point into it", strings.TrimPrefix(url, "file://"))
}

// Check tells whether text is JSON that satisfies the schema. The error names the first place that does not.
func (s *Schema) Check(text string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("not valid JSON: %w", err)
	}
	if err := s.compiled.Validate(value); err != nil {
		return errors.New(plain(err))
	}
	return nil
}

// plain puts the library's errors into one line without its resource names.
func plain(err error) string {
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		for len(invalid.Causes) > 0 {
			invalid = invalid.Causes[0]
		}
		return fmt.Sprintf("at '/%s': %s", strings.Join(invalid.InstanceLocation, "/"), describe(invalid.ErrorKind))
	}
	var bad *jsonschema.SchemaValidationError
	if errors.As(err, &bad) && errors.As(bad.Err, &invalid) {
		return plain(invalid)
	}
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) {
		return load.Err.Error()
	}
	return strings.ReplaceAll(err.Error(), "schema.json", "")
}

// describe says what a value breaks, for the commonest rules in few words.
func describe(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return "missing " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		return "unknown property " + strings.Join(k.Properties, ", ")
	case *kind.Type:
		return fmt.Sprintf("got %s, want %s", k.Got, strings.Join(k.Want, " or "))
	}
	return strings.Join(k.KeywordPath(), "/") + " is not satisfied"
}

// Object is a schema that every JSON object satisfies: that of the json_object response format.
var Object = json.RawMessage(`{"type":"object"}`)
