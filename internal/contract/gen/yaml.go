package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// object is a YAML mapping that keeps its order: the order of properties is the order in which breaches are reported.
// Its address is its identity.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) get(key string) any { return o.values[key] }

func (o *object) object(key string) *object {
	v, _ := o.values[key].(*object)
	return v
}

func (o *object) list(key string) []any {
	v, _ := o.values[key].([]any)
	return v
}

func (o *object) text(key string) string {
	v, _ := o.values[key].(string)
	return v
}

func (o *object) set(key string, value any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

func (o *object) remove(key string) {
	delete(o.values, key)
	o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
}

// clone copies the top level only.
func (o *object) clone() *object {
	c := &object{keys: slices.Clone(o.keys), values: make(map[string]any, len(o.values))}
	for k, v := range o.values {
		c.values[k] = v
	}
	return c
}

func newObject(pairs ...any) *object {
	o := &object{values: map[string]any{}}
	for i := 0; i < len(pairs); i += 2 {
		o.set(pairs[i].(string), pairs[i+1])
	}
	return o
}

func readYAML(path string) (*object, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(data, &doc, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return ordered(doc).(*object), nil
}

// ordered turns the YAML library's values into objects, []any, strings, float64s, bools and nil.
func ordered(v any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		o := newObject()
		for _, item := range v {
			key, value := fmt.Sprint(item.Key), ordered(item.Value)
			if text, ok := value.(string); ok && (key == "minimum" || key == "maximum") {
				if f, err := strconv.ParseFloat(text, 64); err == nil { // the library leaves an integer over 64 bits a string
					value = f
				}
			}
			o.set(key, value)
		}
		return o
	case map[string]any:
		o := newObject()
		for _, k := range slices.Sorted(mapKeys(v)) {
			o.set(k, ordered(v[k]))
		}
		return o
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = ordered(v[i])
		}
		return out
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	default:
		return v
	}
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// at follows a path such as components/schemas/X/properties/y/anyOf/0 and gives nil where it leads nowhere.
func at(root *object, path string) any {
	var v any = root
	for part := range strings.SplitSeq(path, "/") {
		part = strings.ReplaceAll(part, "~1", "/")
		switch x := v.(type) {
		case *object:
			v = x.get(part)
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}
