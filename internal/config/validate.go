package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

const schemaName = "everpoint.schema.json"

// compiled is the embedded schema, both as a validator and as the plain JSON that names what is allowed. It is made at its
// first use: a server without a file starts without it.
var compiled = sync.OnceValues(func() (schema schemas, err error) {
	schema.validator, schema.raw, err = compileSchema()
	return schema, err
})

type schemas struct {
	validator *jsonschema.Schema
	raw       map[string]any
}

func compileSchema() (*jsonschema.Schema, map[string]any, error) {
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema of the configuration: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.RegisterFormat(textFormat("go-duration", func(text string) error { _, err := parseDuration(text); return err }))
	compiler.RegisterFormat(textFormat("byte-size", func(text string) error { _, err := parseBytes(text); return err }))
	compiler.RegisterFormat(textFormat("environment-name", checkEnvironmentName))
	if err := compiler.AddResource(schemaName, raw); err != nil {
		return nil, nil, fmt.Errorf("read the schema of the configuration: %w", err)
	}
	schema, err := compiler.Compile(schemaName)
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema of the configuration: %w", err)
	}
	return schema, raw.(map[string]any), nil
}

func textFormat(name string, check func(string) error) *jsonschema.Format {
	return &jsonschema.Format{Name: name, Validate: func(v any) error {
		if text, ok := v.(string); ok {
			return check(text)
		}
		return nil
	}}
}

var errDuration = errors.New(`is no duration; a number and a unit, such as "30s", "15m" or "1h30m"`)

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errDuration
	}
	return d, nil
}

var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkEnvironmentName does not repeat what it refuses: it may be the secret itself, put in the wrong place.
func checkEnvironmentName(name string) error {
	if name != "" && !environmentName.MatchString(name) {
		return errors.New("is not the name of an environment variable (letters, digits and underscores); the secret itself does not belong in this file")
	}
	return nil
}

// fault is a place where the document breaks the schema.
type fault struct {
	steps   []string
	message string
}

// validate finds every place where the document breaks the schema.
func (d *document) validate() ([]fault, error) {
	schema, err := compiled()
	if err != nil {
		return nil, err
	}
	err = schema.validator.Validate(d.value)
	if err == nil {
		return nil, nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil, fmt.Errorf("check the configuration against its schema: %w", err)
	}
	var faults []fault
	d.collect(invalid, schema.raw, &faults)
	return faults, nil
}

// collect gathers the leaves of the validator's tree of errors.
func (d *document) collect(e *jsonschema.ValidationError, raw map[string]any, faults *[]fault) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			d.collect(cause, raw, faults)
		}
		return
	}
	if unknown, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		names := allowedNames(raw, e.SchemaURL)
		for _, name := range unknown.Properties {
			steps := append(slices.Clone(e.InstanceLocation), name)
			*faults = append(*faults, fault{steps, "there is no such setting; here are " + strings.Join(names, ", ")})
		}
		return
	}
	*faults = append(*faults, fault{slices.Clone(e.InstanceLocation), d.explain(e, raw)})
}

// explain says what is wrong and what is allowed. It repeats a wrong value only where that cannot be a secret.
func (d *document) explain(e *jsonschema.ValidationError, raw map[string]any) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return describeType(k, schemaAt(raw, e.SchemaURL))
	case *kind.Enum:
		if text, ok := k.Got.(string); ok {
			return fmt.Sprintf("%q is not allowed; one of %s", text, joinValues(k.Want))
		}
		return "is not text; one of " + joinValues(k.Want)
	case *kind.Format:
		return k.Err.Error()
	case *kind.Minimum:
		return fmt.Sprintf("%s is too small; at least %s", k.Got.RatString(), k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("%s is too large; at most %s", k.Got.RatString(), k.Want.RatString())
	case *kind.MinLength:
		return "is empty; give it a value or leave the line out"
	case *kind.MinItems:
		return "is an empty list; at least one item"
	case *kind.UniqueItems:
		if items, ok := d.at(e.InstanceLocation).([]any); ok && k.Duplicates[1] < len(items) {
			return fmt.Sprintf("names %v twice; each item once", items[k.Duplicates[1]])
		}
	}
	return "is not allowed here; see the setting in \"everpoint config example\""
}

// describeType words a value of the wrong type. A setting whose line ends after its name is YAML's null.
func describeType(k *kind.Type, schema map[string]any) string {
	wants := map[string]string{
		"object": "settings below it", "array": "a list", "string": "text", "integer": "a whole number", "boolean": "true or false",
	}
	want := wants[k.Want[0]]
	switch schema["format"] {
	case "byte-size":
		want = `a number of bytes, or a string such as "512MB"`
	case "go-duration":
		want = `a duration such as "30s", "15m" or "1h30m"`
	}
	got := map[string]string{
		"object": "holds settings", "array": "is a list", "string": "is text", "number": "is a number", "boolean": "is true or false", "null": "is empty",
	}[k.Got]
	if k.Got == "null" {
		return fmt.Sprintf("%s; give it %s or leave the line out", got, want)
	}
	return fmt.Sprintf("%s; it must be %s", got, want)
}

func joinValues(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

// allowedNames are the settings that the schema at a location knows, in alphabetical order.
func allowedNames(raw map[string]any, location string) []string {
	properties, _ := schemaAt(raw, location)["properties"].(map[string]any)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// schemaAt is the part of the schema that a location such as everpoint.schema.json#/$defs/model points to.
func schemaAt(raw map[string]any, location string) map[string]any {
	_, pointer, _ := strings.Cut(location, "#")
	part := raw
	for _, step := range strings.Split(strings.Trim(pointer, "/"), "/") {
		if next, ok := part[step].(map[string]any); ok {
			part = next
		}
	}
	return part
}

// Schema is the JSON Schema of the YAML file, for editors and for Load.
func Schema() []byte { return schemaJSON }
