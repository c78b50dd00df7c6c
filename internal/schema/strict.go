package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The vendor's limits for strict schemas (wire-facts 8).
const (
	maxProperties  = 5000
	maxDepth       = 10
	maxNameChars   = 120_000 // in property names, definition names, enum and const values
	maxEnumValues  = 1000
	longEnum       = 250 // an enum with more strings than this …
	maxLongEnumLen = 15_000
)

// notStrict are keywords that the vendor refuses in strict schemas.
var notStrict = []string{
	"allOf", "not", "if", "then", "else", "oneOf", "dependentRequired", "dependentSchemas",
	"patternProperties", "propertyNames", "unevaluatedProperties", "unevaluatedItems", "minProperties", "maxProperties",
	"contains", "minContains", "maxContains", "uniqueItems",
}

// CheckStrict tells whether the vendor accepts a schema as strict: an object at the root, every property required,
// additionalProperties false everywhere, its limits kept. The error's text is in the vendor's form, "In context=(…), …".
func CheckStrict(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var root any
	if err := dec.Decode(&root); err != nil {
		return fmt.Errorf("the schema is not JSON: %w", err)
	}
	object, ok := root.(map[string]any)
	if !ok {
		return fmt.Errorf("In context=(), schema must be a JSON object") //nolint:staticcheck // the vendor's sentence
	}
	c := &strict{}
	if _, ok := object["anyOf"]; ok {
		return c.errorf("'anyOf' is not permitted at the root; the root must be of type 'object'")
	}
	if object["type"] != "object" {
		return fmt.Errorf(`schema must be a JSON Schema of 'type: "object"', got 'type: "%v"'`, typeName(object["type"]))
	}
	if err := c.check(object, 1); err != nil {
		return err
	}
	for _, key := range []string{"$defs", "definitions"} {
		definitions, _ := object[key].(map[string]any)
		for _, name := range sortedKeys(definitions) {
			c.chars += len(name)
			if err := c.in([]string{key, name}, definitions[name], 1); err != nil {
				return err
			}
		}
	}
	return c.limits()
}

func typeName(v any) string {
	if v == nil {
		return "None"
	}
	return fmt.Sprint(v)
}

// strict is one walk through a schema.
type strict struct {
	path                     []string
	properties, chars, enums int
}

func (c *strict) errorf(format string, args ...any) error {
	quoted := make([]string, len(c.path))
	for i, p := range c.path {
		quoted[i] = "'" + p + "'"
	}
	where := strings.Join(quoted, ", ")
	if len(quoted) == 1 {
		where += ","
	}
	return fmt.Errorf("In context=(%s), %s", where, fmt.Sprintf(format, args...)) //nolint:staticcheck // the vendor's sentence
}

func (c *strict) in(path []string, v any, depth int) error {
	c.path = append(c.path, path...)
	defer func() { c.path = c.path[:len(c.path)-len(path)] }()
	object, ok := v.(map[string]any)
	if !ok {
		return c.errorf("schema must be a JSON object")
	}
	return c.check(object, depth)
}

func (c *strict) check(s map[string]any, depth int) error {
	if depth > maxDepth {
		return c.errorf("the schema is nested too deeply: at most %d levels are allowed", maxDepth)
	}
	for _, key := range notStrict {
		if _, ok := s[key]; ok {
			return c.errorf("'%s' is not permitted", key)
		}
	}
	if _, ok := s["$ref"]; ok {
		return nil
	}
	if err := c.enum(s); err != nil {
		return err
	}
	if isObject(s) {
		if err := c.object(s, depth); err != nil {
			return err
		}
	}
	if items, ok := s["items"]; ok {
		if err := c.in([]string{"items"}, items, depth+1); err != nil {
			return err
		}
	} else if s["type"] == "array" {
		return c.errorf("array schema missing items")
	}
	branches, _ := s["anyOf"].([]any)
	for i, b := range branches {
		if err := c.in([]string{"anyOf", fmt.Sprint(i)}, b, depth); err != nil {
			return err
		}
	}
	_, isConst := s["const"]
	if s["type"] == nil && branches == nil && s["enum"] == nil && !isConst {
		return c.errorf("schema must have a 'type' key")
	}
	return nil
}

func isObject(s map[string]any) bool {
	if types, ok := s["type"].([]any); ok {
		return slices.Contains(types, any("object"))
	}
	return s["type"] == "object" || s["properties"] != nil
}

func (c *strict) object(s map[string]any, depth int) error {
	if s["additionalProperties"] != false {
		return c.errorf("'additionalProperties' is required to be supplied and to be false")
	}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range sortedKeys(properties) {
		if !slices.Contains(required, any(name)) {
			return c.errorf("'required' is required to be supplied and to be an array including every key in properties. Missing '%s'.", name)
		}
	}
	for _, r := range required {
		name, _ := r.(string)
		if _, ok := properties[name]; !ok {
			return c.errorf("'required' is required to be supplied and to be an array including every key in properties. Extra required key '%v' supplied.", r)
		}
	}
	for _, name := range sortedKeys(properties) {
		c.properties++
		c.chars += len(name)
		if err := c.in([]string{"properties", name}, properties[name], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *strict) enum(s map[string]any) error {
	values, _ := s["enum"].([]any)
	if v, ok := s["const"].(string); ok {
		c.chars += len(v)
	}
	c.enums += len(values)
	chars := 0
	for _, v := range values {
		if text, ok := v.(string); ok {
			chars += len(text)
		}
	}
	c.chars += chars
	if len(values) > longEnum && chars > maxLongEnumLen {
		return c.errorf("the strings of an enum with more than %d values may have at most %d characters together", longEnum, maxLongEnumLen)
	}
	return nil
}

func (c *strict) limits() error {
	switch {
	case c.properties > maxProperties:
		return fmt.Errorf("a schema may have at most %d properties, this one has %d", maxProperties, c.properties)
	case c.enums > maxEnumValues:
		return fmt.Errorf("a schema may have at most %d enum values, this one has %d", maxEnumValues, c.enums)
	case c.chars > maxNameChars:
		return fmt.Errorf("the names and enum values of a schema may have at most %d characters, this one has %d", maxNameChars, c.chars)
	}
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
