package schema

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckStrict(t *testing.T) {
	t.Parallel()
	nested := `{"type":"string"}`
	for range 11 {
		nested = `{"type":"object","properties":{"a":` + nested + `},"required":["a"],"additionalProperties":false}`
	}
	for _, tt := range []struct{ name, schema, want string }{
		{"plain", `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`, ""},
		{"nullable, enum, array, ref, union", `{"type":"object","properties":{
			"a":{"type":["string","null"]},"b":{"enum":["x","y"]},"c":{"type":"array","items":{"$ref":"#/$defs/d"}},
			"e":{"anyOf":[{"type":"integer"},{"type":"null"}]}},"required":["a","b","c","e"],"additionalProperties":false,
			"$defs":{"d":{"type":"object","properties":{},"required":[],"additionalProperties":false}}}`, ""},
		{"root is a list", `[]`, "In context=(), schema must be a JSON object"},
		{"root is an array", `{"type":"array","items":{"type":"string"}}`, `schema must be a JSON Schema of 'type: "object"', got 'type: "array"'`},
		{"root has no type", `{}`, `schema must be a JSON Schema of 'type: "object"', got 'type: "None"'`},
		{"anyOf at the root", `{"anyOf":[{"type":"object"}]}`, "In context=(), 'anyOf' is not permitted at the root; the root must be of type 'object'"},
		{"open object", `{"type":"object","properties":{},"required":[]}`, "In context=(), 'additionalProperties' is required to be supplied and to be false"},
		{"optional property", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],"additionalProperties":false}`,
			"In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'b'."},
		{"required that is not there", `{"type":"object","properties":{},"required":["z"],"additionalProperties":false}`,
			"In context=(), 'required' is required to be supplied and to be an array including every key in properties. Extra required key 'z' supplied."},
		{"deep place", `{"type":"object","properties":{"a":{"type":"object","properties":{}}},"required":["a"],"additionalProperties":false}`,
			"In context=('properties', 'a'), 'additionalProperties' is required to be supplied and to be false"},
		{"in a definition", `{"type":"object","properties":{},"required":[],"additionalProperties":false,"$defs":{"d":{"type":"object"}}}`,
			"In context=('$defs', 'd'), 'additionalProperties' is required to be supplied and to be false"},
		{"array without items", `{"type":"object","properties":{"a":{"type":"array"}},"required":["a"],"additionalProperties":false}`,
			"In context=('properties', 'a'), array schema missing items"},
		{"no type", `{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}`,
			"In context=('properties', 'a'), schema must have a 'type' key"},
		{"allOf", `{"type":"object","properties":{"a":{"allOf":[]}},"required":["a"],"additionalProperties":false}`,
			"In context=('properties', 'a'), 'allOf' is not permitted"},
		{"too deep", nested, "the schema is nested too deeply: at most 10 levels are allowed"},
		{"too many properties", wide(5001, 1), "a schema may have at most 5000 properties, this one has 5001"},
		{"too long names", wide(1000, 200), "the names and enum values of a schema may have at most 120000 characters, this one has 200000"},
		{"too many enum values", enum(1001, 1), "a schema may have at most 1000 enum values, this one has 1001"},
		{"too long enum", enum(251, 60), "the strings of an enum with more than 250 values may have at most 15000 characters together"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := CheckStrict([]byte(tt.schema))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// wide is an object of n properties with names of some length.
func wide(n, length int) string {
	names, properties := make([]string, n), make([]string, n)
	for i := range n {
		name := fmt.Sprintf("%0*d", length, i)
		names[i], properties[i] = fmt.Sprintf("%q", name), fmt.Sprintf(`%q:{"type":"null"}`, name)
	}
	return `{"type":"object","properties":{` + strings.Join(properties, ",") + `},"required":[` + strings.Join(names, ",") + `],"additionalProperties":false}`
}

// enum is an object with an enum of n strings of some length.
func enum(n, length int) string {
	values := make([]string, n)
	for i := range n {
		values[i] = fmt.Sprintf(`"%0*d"`, length, i)
	}
	return `{"type":"object","properties":{"a":{"type":"string","enum":[` + strings.Join(values, ",") + `]}},"required":["a"],"additionalProperties":false}`
}

func TestCompile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, schema, want string }{
		{"not JSON", `{`, "the schema is not JSON"},
		{"a list", `[]`, "the schema must be a JSON object"},
		{"an unknown type", `{"type":"text"}`, "type"},
		{"a file", `{"$ref":"file:///etc/passwd"}`, "'$ref' may only point into it"},
		{"another host", `{"$ref":"http://example.com/s.json"}`, "'$ref' may only point into it"},
		{"a bad pattern", `{"type":"string","pattern":"("}`, "pattern"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Compile([]byte(tt.schema)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s, err := Compile([]byte(`{"type":"object","properties":{"n":{"type":"number","maximum":5},"a":{"type":"array","items":{"type":"string","format":"date"}}},"required":["n"],"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, want string }{
		{`{"n":5,"a":["2024-02-29"]}`, ""},
		{`{"n":6}`, "at '/n': maximum is not satisfied"},
		{`{"n":"6"}`, "at '/n': got string, want number"},
		{`{}`, "at '/': missing n"},
		{`{"n":1,"z":1}`, "at '/': unknown property z"},
		{`{"n":1,"a":["2023-02-29"]}`, "at '/a/0': format is not satisfied"},
		{`{"n":1`, "not valid JSON"},
		{`{"n":1} x`, "not valid JSON"},
	} {
		err := s.Check(tt.text)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.text, err, tt.want)
		}
	}
}
