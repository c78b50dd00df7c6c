package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/everpoint/everpoint/internal/contract/schema"
)

// compiler turns the contract's schemas into package schema's form. Every schema is compiled once, by its address, and
// what it refers to waits in pending: that is what keeps self-containing types from recursing.
type compiler struct {
	doc     *object
	file    schema.File
	nodes   map[*object]int
	objects map[*object]int
	merged  map[*object]*object // the result of an allOf
	pending []func() error
}

func compileRequests(doc *object, operations [][]string) (*schema.File, error) {
	c := &compiler{doc: doc, nodes: map[*object]int{}, objects: map[*object]int{}, merged: map[*object]*object{}}
	c.file.Operations = map[string]schema.Operation{}
	for _, op := range operations {
		body, ok := at(doc, fmt.Sprintf("paths/%s/%s/requestBody", escape(op[1]), strings.ToLower(op[0]))).(*object)
		if !ok {
			continue
		}
		content, ok := at(body, "content/application~1json/schema").(*object)
		if !ok {
			continue
		}
		required, _ := body.get("required").(bool)
		c.file.Operations[op[2]] = schema.Operation{Node: c.node(content), Optional: !required}
	}
	for len(c.pending) > 0 {
		next := c.pending[0]
		c.pending = c.pending[1:]
		if err := next(); err != nil {
			return nil, err
		}
	}
	return &c.file, nil
}

// node gives the index of s, compiling it later if it is new.
func (c *compiler) node(s *object) int {
	if i, ok := c.nodes[s]; ok {
		return i
	}
	i := len(c.file.Nodes)
	c.nodes[s] = i
	c.file.Nodes = append(c.file.Nodes, schema.Node{})
	c.pending = append(c.pending, func() error {
		n, err := c.compile(s)
		c.file.Nodes[i] = n
		return err
	})
	return i
}

// compile merges all that may stand at s into one node.
func (c *compiler) compile(s *object) (schema.Node, error) {
	var n schema.Node
	var leaves []*object
	var discriminator string
	err := c.flatten(s, func(leaf *object) { leaves = append(leaves, leaf) }, &n, &discriminator)
	if err != nil {
		return n, err
	}
	var branches []*object
	for _, leaf := range leaves {
		switch kind(leaf) {
		case "any":
			return schema.Node{Any: true}, nil
		case "null":
			n.Null = true
		case "boolean":
			n.Bool = true
		case "string":
			n.String = mergeString(n.String, leaf)
		case "integer", "number":
			n.Number = mergeNumber(n.Number, leaf)
		case "array":
			items := leaf.object("items")
			if items == nil {
				items = newObject()
			}
			n.Arrays = append(n.Arrays, schema.Array{Items: c.node(items), Min: number(leaf, "minItems"), Max: number(leaf, "maxItems")})
		case "object":
			n.Objects = append(n.Objects, c.object(leaf))
			branches = append(branches, leaf)
		default:
			return n, fmt.Errorf("a schema of type %v", leaf.get("type"))
		}
	}
	if len(branches) > 1 {
		n.Tag = c.tag(branches, discriminator)
	}
	return n, nil
}

// flatten visits what s comes down to once references, allOf, anyOf and oneOf are followed.
func (c *compiler) flatten(s *object, visit func(*object), n *schema.Node, discriminator *string) error {
	if nullable, _ := s.get("nullable").(bool); nullable {
		n.Null = true
	}
	if name := s.text("x-name"); name != "" {
		n.Name = name
	}
	if d := s.object("discriminator"); d != nil && *discriminator == "" {
		*discriminator = d.text("propertyName")
	}
	if to := s.text("$ref"); to != "" {
		target, ok := at(c.doc, to[len("#/"):]).(*object)
		if !ok {
			return fmt.Errorf("%s leads nowhere", to)
		}
		return c.flatten(target, visit, n, discriminator)
	}
	if s.list("allOf") != nil {
		m, err := c.merge(s)
		if err != nil {
			return err
		}
		return c.flatten(m, visit, n, discriminator)
	}
	branches := append(s.list("anyOf"), s.list("oneOf")...)
	if len(branches) == 0 || onlyRequired(branches) {
		visit(s)
		return nil
	}
	if s.object("properties") != nil {
		return fmt.Errorf("a union beside properties: %v", s.keys)
	}
	for _, b := range branches {
		if err := c.flatten(b.(*object), visit, n, discriminator); err != nil {
			return err
		}
	}
	return nil
}

// merge gives the one schema that an allOf comes down to.
func (c *compiler) merge(s *object) (*object, error) {
	if m, ok := c.merged[s]; ok {
		return m, nil
	}
	m, props := newObject(), newObject()
	var required []any
	parts := append(slices.Clone(s.list("allOf")), any(without(s, "allOf")))
	for _, part := range parts {
		p := part.(*object)
		for to := p.text("$ref"); to != ""; to = p.text("$ref") {
			p = at(c.doc, to[len("#/"):]).(*object)
		}
		if p.list("allOf") != nil {
			var err error
			if p, err = c.merge(p); err != nil {
				return nil, err
			}
		}
		for _, k := range p.keys {
			switch k {
			case "properties":
				for _, name := range p.object(k).keys {
					props.set(name, p.object(k).get(name))
				}
			case "required":
				required = append(required, p.list(k)...)
			default:
				m.set(k, p.get(k))
			}
		}
	}
	if len(props.keys) > 0 {
		m.set("properties", props)
		m.set("required", required)
	}
	c.merged[s] = m
	return m, nil
}

// object gives the index of the object schema s, compiling it later if it is new.
func (c *compiler) object(s *object) int {
	if i, ok := c.objects[s]; ok {
		return i
	}
	i := len(c.file.Objects)
	c.objects[s] = i
	c.file.Objects = append(c.file.Objects, schema.Object{})
	c.pending = append(c.pending, func() error {
		c.file.Objects[i] = c.compileObject(s)
		return nil
	})
	return i
}

func (c *compiler) compileObject(s *object) schema.Object {
	o := schema.Object{Max: number(s, "maxProperties")}
	if names := s.object("propertyNames"); names != nil {
		o.MaxKey = number(names, "maxLength")
	}
	if values := s.object("additionalProperties"); values != nil && len(values.keys) > 0 {
		i := c.node(values)
		o.Values = &i
	}
	required := s.list("required")
	if late := s.object("x-late"); late != nil {
		o.Late = &schema.Late{Message: late.text("message"), Param: late.text("param")}
		for _, name := range late.list("any_of") {
			o.Late.AnyOf = append(o.Late.AnyOf, name.(string))
		}
		required = slices.DeleteFunc(slices.Clone(required), func(v any) bool { return v == o.Late.Param })
	}
	if props := s.object("properties"); props != nil {
		for _, name := range order(props.keys, s.list("x-order")) {
			p := props.object(name)
			o.Props = append(o.Props, schema.Prop{
				Name: name, Node: c.node(p), Required: slices.Contains(required, any(name)), Missing: p.text("x-missing"),
			})
		}
	}
	for _, b := range append(s.list("anyOf"), s.list("oneOf")...) {
		var set []string
		for _, name := range b.(*object).list("required") {
			set = append(set, name.(string))
		}
		o.Sets = append(o.Sets, set)
	}
	return o
}

// order puts the names that first mentions before the others, which keep the contract's order.
func order(names []string, first []any) []string {
	var out []string
	for _, name := range first {
		if slices.Contains(names, name.(string)) {
			out = append(out, name.(string))
		}
	}
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func without(s *object, key string) *object {
	c := s.clone()
	c.remove(key)
	return c
}

// onlyRequired tells whether a union does no more than to name sets of members, one of which must be there.
func onlyRequired(branches []any) bool {
	for _, b := range branches {
		if s := b.(*object); len(s.keys) != 1 || s.keys[0] != "required" {
			return false
		}
	}
	return true
}

// kind is the type of a schema without references and unions.
func kind(s *object) string {
	switch {
	case s.text("type") != "":
		return s.text("type")
	case s.object("properties") != nil:
		return "object"
	case s.list("enum") != nil:
		return "string"
	default:
		return "any"
	}
}

func number(s *object, key string) int {
	v, _ := s.get(key).(float64)
	return int(v)
}

// mergeString widens old by the schema s: a set of values beside a free string is an open set, thus a free string.
func mergeString(old *schema.String, s *object) *schema.String {
	n := &schema.String{Min: number(s, "minLength"), Max: number(s, "maxLength"), Pattern: s.text("pattern")}
	for _, v := range s.list("enum") {
		n.Enum = append(n.Enum, v.(string))
	}
	switch {
	case old == nil:
		return n
	case old.Enum != nil && n.Enum != nil:
		for _, v := range n.Enum {
			if !slices.Contains(old.Enum, v) {
				old.Enum = append(old.Enum, v)
			}
		}
		return old
	case old.Enum != nil:
		return n
	case n.Enum != nil:
		return old
	default:
		return &schema.String{Min: min(old.Min, n.Min), Max: widest(old.Max, n.Max)}
	}
}

func widest(a, b int) int {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// mergeNumber widens old by the schema s.
func mergeNumber(old *schema.Number, s *object) *schema.Number {
	n := &schema.Number{Integer: s.text("type") == "integer", Min: float(s, "minimum"), Max: float(s, "maximum")}
	switch above := s.get("exclusiveMinimum").(type) {
	case bool:
		n.Above = above
	case float64:
		n.Min, n.Above = &above, true
	}
	if old == nil {
		return n
	}
	w := &schema.Number{Integer: old.Integer && n.Integer}
	if old.Min != nil && n.Min != nil {
		w.Min = new(min(*old.Min, *n.Min))
	}
	if old.Max != nil && n.Max != nil {
		w.Max = new(max(*old.Max, *n.Max))
	}
	return w
}

func float(s *object, key string) *float64 {
	if v, ok := s.get(key).(float64); ok {
		return &v
	}
	return nil
}
