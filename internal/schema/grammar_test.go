package schema

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The evaluation's schemas are those that a real model is asked for; here random texts of their grammars take its place.
type evalCase struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
}

func evalCases(t *testing.T) []evalCase {
	t.Helper()
	text, err := os.ReadFile("../../eval/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []evalCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if c.Schema == nil {
			cases[i].Schema = Object
		}
	}
	return cases
}

// notEnforced are the evaluation's cases with a keyword that Grammar says it does not enforce.
var notEnforced = regexp.MustCompile(`/(unique-items|if-then)$`)

func TestEveryTextOfAGrammarIsValid(t *testing.T) {
	for _, c := range evalCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			checkSamples(t, c.Schema, 100, notEnforced.MatchString(c.Name))
		})
	}
	for _, s := range []string{
		// numbers
		`{"type":"integer","minimum":0}`, `{"type":"integer","maximum":0}`, `{"type":"integer","minimum":-7,"maximum":12345}`,
		`{"type":"integer","minimum":98,"maximum":1203}`, `{"type":"integer","exclusiveMinimum":-1.5,"exclusiveMaximum":2.5}`,
		`{"type":"integer","minimum":-105,"maximum":-7}`, `{"type":"integer","maximum":-5}`, `{"type":"integer","minimum":5000000000}`,
		`{"type":"number","minimum":0.25,"maximum":0.75}`, `{"type":"number","exclusiveMinimum":0}`, `{"type":"number","exclusiveMaximum":0}`,
		`{"type":"number","minimum":-0.05,"exclusiveMaximum":12.345}`, `{"type":"number","minimum":1.5,"maximum":1.5}`,
		`{"type":"number","exclusiveMinimum":1.999,"exclusiveMaximum":2.001}`, `{"type":"number","minimum":3.14}`, `{"type":"number","maximum":-2.5}`,
		`{"type":"number","exclusiveMinimum":0.1,"exclusiveMaximum":0.2}`, `{"type":"number","minimum":1e-3,"maximum":1e2}`,
		`{"type":"number","minimum":99.5,"maximum":1000}`, `{"type":"number","minimum":0,"exclusiveMaximum":1}`,
		`{"type":"integer","multipleOf":7}`, `{"type":"integer","multipleOf":7,"minimum":0}`, `{"type":"integer","multipleOf":25,"maximum":0}`,
		`{"type":"integer","multipleOf":7,"minimum":-30,"maximum":30}`, `{"type":"number","multipleOf":0.25}`, `{"type":"number","multipleOf":0.5,"minimum":1}`,
		`{"type":"number","multipleOf":0.01,"minimum":-1,"maximum":100000}`, `{"type":"integer","multipleOf":1000}`, `{"type":"integer","multipleOf":0.5}`,
		`{"type":"integer","multipleOf":1.5,"maximum":9}`, `{"type":["integer","number"],"minimum":3}`, `{"minimum":3,"maximum":4}`,
		// strings
		`{"type":"string","minLength":1,"maxLength":3}`, `{"type":"string","minLength":250}`, `{"type":"string","maxLength":5000}`,
		`{"type":"string","minLength":150,"maxLength":1234}`, `{"type":"string","minLength":100,"maxLength":100}`,
		`{"type":"string","pattern":"^(?i:abc)$"}`, `{"type":"string","pattern":"^\\w+\\s\\d{2,}$"}`, `{"type":"string","pattern":"[\"\\\\]"}`,
		`{"type":"string","pattern":"^[^a-z\"]{2}$"}`, `{"type":"string","pattern":"^\\n$"}`, `{"type":"string","pattern":"^(a|b|)c$"}`,
		`{"type":"string","pattern":"^ab|cd$"}`, `{"type":"string","pattern":"^\\p{Lu}\\p{Ll}*$"}`, `{"type":"string","pattern":"^x{150,260}$"}`,
		`{"type":"string","pattern":"^(?:a(?:b|c)+)?$"}`, `{"type":"string","pattern":"^[a-f]+$","minLength":3,"maxLength":5}`, `{"type":"string","pattern":""}`,
		`{"type":"string","pattern":"^[\\]\\-^]+$"}`, `{"type":"string","pattern":"^$"}`, `{"format":"email"}`, `{"type":"string","format":"no-such-format"}`,
		// arrays
		`{"type":"array","maxItems":0}`, `{"type":"array","items":false}`, `{"type":"array","items":{"type":"null"},"minItems":2}`,
		`{"type":"array","items":{"type":"null"},"minItems":1,"maxItems":1}`, `{"type":"array","items":{"type":"null"},"maxItems":3000}`,
		`{"type":"array","prefixItems":[true,{"type":"null"},false],"minItems":1}`, `{"prefixItems":[{"type":"null"}],"items":{"type":"boolean"},"maxItems":1}`,
		// objects
		`{"type":"object"}`, `{"type":"object","additionalProperties":false}`, `{"type":"object","maxProperties":0}`,
		`{"properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}}}`, `{"properties":{"a":false,"b":true}}`,
		`{"properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"minProperties":2,"maxProperties":2,"required":["c"]}`,
		`{"properties":{"a":{"type":"null"},"ab":{"type":"null"},"":{"type":"null"}},"additionalProperties":{"type":"integer"}}`,
		`{"properties":{"a":{"type":"null"}},"required":["a"],"additionalProperties":{"type":"integer"},"minProperties":2,"maxProperties":3}`,
		`{"properties":{"é\"":{"type":"null"}},"additionalProperties":{"type":"integer"},"required":["z"]}`,
		`{"patternProperties":{"^a":{"type":"null"},"^b":{"type":"integer"}},"additionalProperties":false}`,
		`{"type":"object","properties":{"a":{"type":"null"}},"dependentRequired":{"a":["b"]}}`,
		`{"propertyNames":{"enum":["x","y"]},"additionalProperties":{"type":"null"},"minProperties":1}`,
		// choices
		`{"enum":["a","ab","abc","b","",1,null,{"x":[1,"é"]}]}`, `{"type":"string","enum":["a",1]}`, `{"const":{"a":1}}`, `{"enum":[1,2,3],"not":{"enum":[2]}}`,
		`{"type":"object","properties":{"a":{"type":"integer","minimum":3}},"allOf":[{"properties":{"a":{"maximum":5}},"required":["a"]}]}`,
		`{"allOf":[{"type":["string","null"]},{"type":["null","integer"]}]}`, `{"allOf":[{"enum":[1,2,3]},{"enum":[2,3,4]}]}`,
		`{"type":"object","properties":{"k":{"type":"string"}},"required":["k"],"anyOf":[{"properties":{"k":{"const":"a"},"n":{"type":"integer"}},"required":["n"]},{"properties":{"k":{"const":"b"}}}]}`,
		`{"$defs":{"n":{"type":"integer"}},"allOf":[{"$ref":"#/$defs/n"}],"minimum":2}`, `{"$defs":{"t":{"type":"object","properties":{"next":{"$ref":"#/$defs/t"}}}},"$ref":"#/$defs/t"}`,
		`{"anyOf":[{"type":"string","pattern":"^a+$"},false,{"$ref":"#/anyOf/0"}]}`, `{"$ref":"#/$defs/a%20b/items","$defs":{"a b":{"type":"array","items":{"type":"null"}}}}`,
		`true`, `{}`,
	} {
		t.Run(s, func(t *testing.T) { checkSamples(t, json.RawMessage(s), 100, false) })
	}
}

func checkSamples(t *testing.T, raw json.RawMessage, n int, onlyJSON bool) {
	t.Helper()
	compiled, err := Compile(raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Grammar(raw)
	if err != nil {
		t.Fatal(err)
	}
	g, r := parseGBNF(t, text), newRand("1")
	for range n {
		sample := sampleOf(r, g)
		if onlyJSON {
			if !json.Valid([]byte(sample)) {
				t.Fatalf("not JSON: %q\n%s", sample, text)
			}
			continue
		}
		if err := compiled.Check(sample); err != nil {
			t.Fatalf("%v: %s\n%s", err, sample, text)
		}
	}
}

func TestGrammarKeepsTheOrderOfProperties(t *testing.T) {
	text, err := Grammar([]byte(`{"properties":{"z":{"type":"null"},"a":{"type":"null"},"m":{"type":"null"}},"required":["a","z","m"]}`))
	if err != nil {
		t.Fatal(err)
	}
	sample := sampleOf(newRand("1"), parseGBNF(t, text))
	if z, a, m := strings.Index(sample, `"z"`), strings.Index(sample, `"a"`), strings.Index(sample, `"m"`); z > a || a > m {
		t.Error(sample)
	}
}

func TestGrammarOfTheImpossible(t *testing.T) {
	for s, want := range map[string]string{
		`false`: "no value",
		`{"type":"integer","minimum":3,"maximum":2}`:                                          "no value",
		`{"type":"integer","exclusiveMinimum":2,"exclusiveMaximum":3}`:                        "no value",
		`{"type":"number","exclusiveMinimum":2,"maximum":2}`:                                  "no value",
		`{"type":"string","minLength":3,"maxLength":2}`:                                       "no value",
		`{"type":"array","items":false,"minItems":1}`:                                         "no value",
		`{"type":"object","required":["a"],"additionalProperties":false}`:                     "no value",
		`{"type":"object","properties":{"a":true},"required":["a"],"maxProperties":0}`:        "no value",
		`{"allOf":[{"type":"string"},{"type":"integer"}]}`:                                    "no value",
		`{"type":"string","enum":[1,2]}`:                                                      "no value",
		`{"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}`:                             "only points to itself",
		`{"$ref":"#/nowhere"}`:                                                                "'$ref' may only be",
		`{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"$ref":"#/$defs/a"}`: "too complicated",
	} {
		if _, err := Grammar([]byte(s)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
}

// A schema in which every level doubles the one below must be refused, not worked on for hours.
func TestGrammarIsBounded(t *testing.T) {
	s := `{"type":"null"}`
	for range 60 {
		s = `{"type":"object","properties":{"x":` + s + `},"anyOf":[{"required":["x"]},{"maxProperties":1}]}`
	}
	if _, err := Grammar([]byte(s)); err == nil || !strings.Contains(err.Error(), "too complicated") {
		t.Error(err)
	}
}

// FuzzGrammar looks for crashes, and for schemas that take too long.
func FuzzGrammar(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"type":"string","pattern":"^a|b$"},"b":{"type":"number","minimum":-1.5}},"required":["a"]}`))
	f.Add([]byte(`{"allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"enum":[1,"a"]}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 2000 {
			return
		}
		if _, err := Compile(raw); err != nil {
			return
		}
		text, err := Grammar(raw)
		if err == nil && !strings.Contains(text, "root ::= ") {
			t.Error(text)
		}
	})
}
