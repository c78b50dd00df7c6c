package schema

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Grammar writes a JSON Schema as a grammar in GBNF, the notation of llama.cpp, whose texts are JSON values that satisfy
// the schema. Engines have a conversion of their own, which differs by version and passes over bounds, formats and most
// patterns; with the grammar written here the same schema gives the same answers on all of them.
//
// Properties come in the order of the schema. A property that the schema neither names nor forbids is left out, unless
// additionalProperties or patternProperties speak of it. These keywords are not enforced, or only in part, so that an
// answer must be checked all the same: not, if, contains, uniqueItems, oneOf where two branches overlap, minProperties
// where keys are free (one may come twice), a pattern together with other rules for the string, patterns with word
// boundaries.
//
// The error says, in words for the client, what makes the schema impossible to satisfy or too complicated.
func Grammar(raw []byte) (string, error) {
	root, err := readOrdered(raw)
	if err != nil {
		return "", fmt.Errorf("the schema is not JSON: %w", err)
	}
	g := &grammar{root: root, byBody: map[string]string{}, refs: map[string]string{}, fixed: map[string]bool{}}
	g.rules.WriteString("ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n")
	top, err := g.visit(root)
	if err != nil {
		return "", err
	}
	g.define("root", top)
	return g.rules.String(), nil
}

// grammar is a grammar while it is written. Functions that translate a schema return an atom: the name of a rule or a
// quoted literal, which can stand in a sequence and be repeated.
type grammar struct {
	root   any
	rules  strings.Builder
	names  int
	byBody map[string]string // rules by what they say, so that nothing is said twice
	refs   map[string]string // rules by the JSON pointer that they stand for
	fixed  map[string]bool   // rules of fixedRules that are in use
	visits int
}

// maxVisits bounds the work: combinations inside combinations multiply. The largest strict schema needs a tenth of it.
const maxVisits = 100_000

// errNever says that no value satisfies a part of a schema. It makes an optional part vanish.
var errNever = errors.New("no value can satisfy this schema")

// fixedRules are the rules that do not depend on the schema, and what they need.
var fixedRules = map[string]struct {
	body  string
	needs []string
}{
	"value":   {`object | array | string | number | boolean | "null"`, []string{"object", "array", "string", "number", "boolean"}},
	"object":  {`"{" ws ( string ":" ws value ( "," ws string ":" ws value )* ws )? "}"`, []string{"string", "value"}},
	"array":   {`"[" ws ( value ( "," ws value )* ws )? "]"`, []string{"value"}},
	"string":  {`"\"" char* "\""`, []string{"char"}},
	"boolean": {`"true" | "false"`, nil},
	// Bounded, so that a number ends and fits a float64.
	"integer": {`"-"? ( "0" | [1-9] [0-9]{0,15} )`, nil},
	"number":  {`integer ( "." [0-9]{1,16} )? ( [eE] [-+]? [0-9]{1,2} )?`, []string{"integer"}},
	// A surrogate is written only as one of a pair.
	"char": {`[^"\\\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" ( [0-9a-cA-CeEfF] hex{3} | [dD] [0-7] hex{2} | [dD] [89abAB] hex{2} "\\u" [dD] [c-fC-F] hex{2} ) )`, []string{"hex"}},
	"hex":  {`[0-9a-fA-F]`, nil},
}

// use makes a fixed rule part of the grammar.
func (g *grammar) use(name string) string {
	if !g.fixed[name] {
		g.fixed[name] = true
		g.define(name, fixedRules[name].body)
		for _, n := range fixedRules[name].needs {
			g.use(n)
		}
	}
	return name
}

func (g *grammar) define(name, body string) { g.rules.WriteString(name + " ::= " + body + "\n") }

func (g *grammar) newName() string {
	g.names++
	return "r" + strconv.Itoa(g.names)
}

var ruleName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// rule gives the name of the rule with a body.
func (g *grammar) rule(body string) string {
	if ruleName.MatchString(body) {
		return body
	}
	name, ok := g.byBody[body]
	if !ok {
		name = g.newName()
		g.byBody[body] = name
		g.define(name, body)
	}
	return name
}

// annotations are keywords that no value can break.
var annotations = []string{
	"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
	"$comment", "$schema", "$id", "$anchor", "$defs", "definitions",
}

// visit translates any schema.
func (g *grammar) visit(node any) (string, error) {
	if g.visits++; g.visits > maxVisits {
		return "", errTooComplicated
	}
	if node == true {
		return g.use("value"), nil
	}
	s, ok := node.(*object)
	if !ok {
		return "", errNever // false; anything else is no schema, which Compile has refused
	}
	s = s.without(annotations...)
	if len(s.keys) == 1 {
		switch branches := s.values[s.keys[0]].(type) {
		case string:
			if s.keys[0] == "$ref" {
				return g.reference(branches)
			}
		case []any:
			if s.keys[0] == "anyOf" || s.keys[0] == "oneOf" || s.keys[0] == "allOf" && len(branches) == 1 {
				return g.anyOf(branches)
			}
		}
	}
	if !slices.ContainsFunc(combining, s.has) {
		return g.plain(s)
	}
	merged, err := g.expand(s, 0)
	if err != nil {
		return "", err
	}
	branches := make([]any, len(merged))
	for i, m := range merged {
		branches[i] = m
	}
	return g.anyOf(branches)
}

// anyOf is a choice among schemas. Those that nothing satisfies drop out.
func (g *grammar) anyOf(branches []any) (string, error) {
	var bodies []string
	for _, b := range branches {
		body, err := g.visit(b)
		if errors.Is(err, errNever) {
			continue
		}
		if err != nil {
			return "", err
		}
		if !slices.Contains(bodies, body) {
			bodies = append(bodies, body)
		}
	}
	if len(bodies) == 0 {
		return "", errNever
	}
	return g.rule(strings.Join(bodies, " | ")), nil
}

// reference gives the rule of a JSON pointer. Its name exists before its body, so that a schema may contain itself.
func (g *grammar) reference(ref string) (string, error) {
	if name, ok := g.refs[ref]; ok {
		return name, nil
	}
	target, err := g.resolve(ref)
	if err != nil {
		return "", err
	}
	name := g.newName()
	g.refs[ref] = name
	body, err := g.visit(target)
	if err != nil {
		return "", err
	}
	if body == name {
		return "", fmt.Errorf("'%s' only points to itself", ref)
	}
	g.define(name, body)
	return name, nil
}

// resolve follows a JSON pointer from the root of the schema.
func (g *grammar) resolve(ref string) (any, error) {
	missing := fmt.Errorf("'$ref' may only be '#' or a path such as '#/$defs/name', got '%s'", ref)
	path, ok := strings.CutPrefix(ref, "#")
	if !ok || path != "" && path[0] != '/' {
		return nil, missing
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return nil, missing
	}
	node := g.root
	for _, step := range strings.Split(path, "/")[1:] {
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		switch n := node.(type) {
		case *object:
			if node, ok = n.values[step]; !ok {
				return nil, missing
			}
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(n) {
				return nil, missing
			}
			node = n[i]
		default:
			return nil, missing
		}
	}
	return node, nil
}

// plain translates a schema without references and without choices among schemas.
func (g *grammar) plain(s *object) (string, error) {
	if s.has("enum") || s.has("const") {
		return g.values(s)
	}
	var bodies []string
	types := typesOf(s)
	if types == nil {
		return g.use("value"), nil
	}
	for _, t := range types {
		body, err := g.typed(s, t)
		if errors.Is(err, errNever) {
			continue
		}
		if err != nil {
			return "", err
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		return "", errNever
	}
	return g.rule(strings.Join(bodies, " | ")), nil
}

func (g *grammar) typed(s *object, t string) (string, error) {
	switch t {
	case "null":
		return `"null"`, nil
	case "boolean":
		return g.use("boolean"), nil
	case "string":
		return g.text(s)
	case "integer", "number":
		return g.number(s, t == "integer")
	case "array":
		return g.array(s)
	}
	return g.object(s)
}

// typesOf lists the types that a schema allows. One without the keyword allows all, but its other keywords tell which
// type is meant; nil means that they do not.
func typesOf(s *object) []string {
	switch t := s.values["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var types []string
		for _, e := range t {
			if name, ok := e.(string); ok && !(name == "integer" && slices.Contains(t, any("number"))) {
				types = append(types, name)
			}
		}
		return types
	}
	for _, m := range []struct {
		meant string
		by    []string
	}{
		{"object", []string{"properties", "additionalProperties", "required", "patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired"}},
		{"array", []string{"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"}},
		{"string", []string{"pattern", "format", "minLength", "maxLength"}},
		{"number", []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
	} {
		if slices.ContainsFunc(m.by, s.has) {
			return []string{m.meant}
		}
	}
	return nil
}

// values is a choice among the values of enum or const, less those that 'not' names.
func (g *grammar) values(s *object) (string, error) {
	words := map[string]bool{}
	for _, v := range listOf(s) {
		if types := typesOf(s.without("enum", "const")); types == nil || slices.ContainsFunc(types, func(t string) bool { return isOfType(v, t) }) {
			words[compactJSON(v)] = true
		}
	}
	if not, ok := s.values["not"].(*object); ok {
		for _, v := range listOf(not) {
			delete(words, compactJSON(v))
		}
	}
	if len(words) == 0 {
		return "", errNever
	}
	return g.oneOfWords(words), nil
}

// listOf gives the values that enum or const allow.
func listOf(s *object) []any {
	if v, ok := s.values["const"]; ok {
		return []any{v}
	}
	list, _ := s.values["enum"].([]any)
	return list
}

// repeat says that an atom stands min to max times in a row; max < 0 is without end. Engines refuse counts above 2000,
// so great ones are made of blocks.
func (g *grammar) repeat(atom string, minimum, maximum int) string {
	const block = 100
	if maximum < 0 {
		switch {
		case minimum == 0:
			return atom + "*"
		case minimum <= block:
			return fmt.Sprintf("%s{%d,}", atom, minimum)
		}
		return g.repeat(atom, minimum, minimum) + " " + atom + "*"
	}
	switch {
	case maximum == 0:
		return ""
	case minimum == maximum && maximum <= block:
		return fmt.Sprintf("%s{%d}", atom, minimum)
	case maximum <= block:
		return fmt.Sprintf("%s{%d,%d}", atom, minimum, maximum)
	}
	var parts []string
	if minimum > 0 {
		if q := minimum / block; q > 0 {
			parts = append(parts, g.repeat(g.rule(fmt.Sprintf("%s{%d}", atom, block)), q, q))
		}
		parts = append(parts, g.repeat(atom, minimum%block, minimum%block))
	}
	if rest := maximum - minimum; rest > block {
		q, r := rest/block, rest%block
		whole := g.rule(fmt.Sprintf("%s{%d}", atom, block))
		parts = append(parts, "( "+g.repeat(whole, 0, q-1)+" "+g.repeat(atom, 0, block-1)+" | "+g.repeat(whole, q, q)+" "+g.repeat(atom, 0, r)+" )")
	} else {
		parts = append(parts, g.repeat(atom, 0, rest))
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// count reads a keyword that is a number of things; otherwise it is without.
func count(s *object, keyword string, without int) int {
	r := rational(s, keyword)
	if r == nil || !r.IsInt() || !r.Num().IsInt64() {
		return without
	}
	return int(min(r.Num().Int64(), 1_000_000))
}
