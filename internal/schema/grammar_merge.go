package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// combining are the keywords that bring in other schemas for the same value.
var combining = []string{"$ref", "allOf", "anyOf", "oneOf"}

// Limits for expand, so that a small schema cannot make a huge grammar.
const (
	maxExpansion  = 256
	maxReferences = 32
)

var errTooComplicated = errors.New("its combination of allOf, anyOf, oneOf and $ref is too complicated; write the alternatives out")

// expand turns a schema with combining keywords into the list of plain schemas of which a value must satisfy one.
func (g *grammar) expand(node any, depth int) ([]*object, error) {
	if depth > maxReferences {
		return nil, errTooComplicated
	}
	if node == true {
		return []*object{newObject()}, nil
	}
	s, ok := node.(*object)
	if !ok {
		return nil, nil
	}
	s = s.without(annotations...)
	list := []*object{s.without(combining...)}
	var err error
	if ref, ok := s.values["$ref"].(string); ok {
		target, err := g.resolve(ref)
		if err != nil {
			return nil, err
		}
		if list, err = g.and(list, []any{target}, depth); err != nil {
			return nil, err
		}
	}
	all, _ := s.values["allOf"].([]any)
	for _, part := range all {
		if list, err = g.and(list, []any{part}, depth); err != nil {
			return nil, err
		}
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if branches, ok := s.values[keyword].([]any); ok {
			if list, err = g.and(list, branches, depth); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// and demands one of branches too.
func (g *grammar) and(list []*object, branches []any, depth int) ([]*object, error) {
	var both []*object
	for _, b := range branches {
		expanded, err := g.expand(b, depth+1)
		if err != nil {
			return nil, err
		}
		for _, left := range list {
			for _, right := range expanded {
				merged, ok := merge(left, right)
				if !ok {
					continue
				}
				if both = append(both, merged); len(both) > maxExpansion {
					return nil, errTooComplicated
				}
			}
		}
	}
	return both, nil
}

// merge makes one plain schema of two that must both hold. It reports false where that is impossible.
func merge(a, b *object) (*object, bool) {
	m := a.without()
	for _, key := range b.keys {
		right := b.values[key]
		left, ok := a.values[key]
		if !ok || compactJSON(left) == compactJSON(right) {
			m.set(key, right)
			continue
		}
		switch key {
		case "properties", "patternProperties":
			m.set(key, mergeProperties(left, right))
		case "required":
			names := slices.Clone(asList(left))
			for _, name := range asList(right) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
			m.set(key, names)
		case "type":
			types := commonTypes(a, b)
			if len(types) == 0 {
				return nil, false
			}
			m.set(key, types)
		case "enum":
			values := slices.DeleteFunc(slices.Clone(asList(left)), func(v any) bool { return !containsValue(asList(right), v) })
			if len(values) == 0 {
				return nil, false
			}
			m.set(key, values)
		case "const":
			return nil, false
		case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
			m.set(key, further(left, right, 1))
		case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
			m.set(key, further(left, right, -1))
		case "items", "additionalProperties", "propertyNames", "not":
			m.set(key, mergeSchemas(key, left, right))
		}
	}
	if v, ok := m.values["const"]; ok && m.has("enum") && !containsValue(asList(m.values["enum"]), v) {
		return nil, false
	}
	return m, true
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func containsValue(list []any, v any) bool {
	text := compactJSON(v)
	return slices.ContainsFunc(list, func(e any) bool { return compactJSON(e) == text })
}

func mergeProperties(left, right any) any {
	a, ok := left.(*object)
	b, ok2 := right.(*object)
	if !ok || !ok2 {
		return left
	}
	m := a.without()
	for _, name := range b.keys {
		if old, ok := m.values[name]; ok {
			m.set(name, mergeSchemas("properties", old, b.values[name]))
		} else {
			m.set(name, b.values[name])
		}
	}
	return m
}

// mergeSchemas demands two schemas of one part of a value, or either of what must not be.
func mergeSchemas(keyword string, left, right any) any {
	switch {
	case left == false || right == true && keyword != "not":
		return left
	case right == false || left == true && keyword != "not":
		return right
	}
	both := newObject()
	if keyword == "not" {
		both.set("anyOf", []any{left, right})
	} else {
		both.set("allOf", []any{left, right})
	}
	return both
}

func commonTypes(a, b *object) []any {
	var types []any
	for _, x := range typesOf(a) {
		for _, y := range typesOf(b) {
			switch {
			case x == y, x == "integer" && y == "number":
				types = append(types, x)
			case x == "number" && y == "integer":
				types = append(types, y)
			}
		}
	}
	return types
}

// further gives the greater of two numbers, or with sign -1 the smaller.
func further(a, b any, sign int) any {
	x, okx := parseRational(a)
	y, oky := parseRational(b)
	if !okx || !oky || x.Cmp(y)*sign >= 0 {
		return a
	}
	return b
}

// parseRational reads a JSON number exactly. It reports false for other values and for absurd exponents.
func parseRational(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok || len(n) > 64 {
		return nil, false
	}
	if f, err := n.Float64(); err != nil || f != 0 && (f > 1e60 || f < -1e60 || f < 1e-60 && f > -1e-60) {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

// rational reads a keyword that is a number; nil is none.
func rational(s *object, keyword string) *big.Rat {
	r, _ := parseRational(s.values[keyword])
	return r
}

// isOfType tells whether a JSON value is of a type of JSON Schema.
func isOfType(v any, t string) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case json.Number:
		if r, ok := parseRational(v); t == "integer" {
			return ok && r.IsInt()
		}
		return t == "number"
	case []any:
		return t == "array"
	case *object:
		return t == "object"
	}
	panic(fmt.Sprintf("schema: no JSON value: %T", v))
}
