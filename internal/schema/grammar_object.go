package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// array translates a schema of arrays: leading places with schemas of their own, then any number of further items.
func (g *grammar) array(s *object) (string, error) {
	var leading []any
	rest, ok := s.values["items"]
	if list, isList := rest.([]any); isList { // as drafts before 2020-12 write it
		leading = list
		rest, ok = s.values["additionalItems"]
	} else {
		leading = asList(s.values["prefixItems"])
	}
	if !ok {
		rest = true
	}
	least, most := count(s, "minItems", 0), count(s, "maxItems", -1)
	if len(leading) == 0 && rest == true && least == 0 && most < 0 {
		return g.use("array"), nil
	}
	var parts []string
	for _, l := range leading {
		if most >= 0 && len(parts) == most {
			break
		}
		body, err := g.visit(l)
		if errors.Is(err, errNever) {
			rest = false
			break
		}
		if err != nil {
			return "", err
		}
		if len(parts) > 0 {
			body = `"," ws ` + body
		}
		parts = append(parts, body)
	}
	least = max(0, least-len(parts))
	if most >= 0 {
		most = max(0, most-len(parts))
	}
	item := ""
	if rest != false && most != 0 {
		var err error
		if item, err = g.visit(rest); err != nil && !errors.Is(err, errNever) {
			return "", err
		}
	}
	if item == "" {
		most = 0
	}
	if most >= 0 && least > most {
		return "", errNever
	}
	return g.rule(`"[" ws ` + g.items(parts, item, least, most) + `"]"`), nil
}

// items is what stands between the brackets: the parts, then least to most items.
func (g *grammar) items(parts []string, item string, least, most int) string {
	if most == 0 {
		if len(parts) == 0 {
			return ""
		}
		return strings.Join(parts, " ") + " ws "
	}
	more := g.rule(`"," ws ` + item)
	if len(parts) > 0 {
		return strings.Join(parts, " ") + " " + g.repeat(more, least, most) + " ws "
	}
	further := most
	if most > 0 {
		further--
	}
	body := strings.TrimSpace(item+" "+g.repeat(more, max(0, least-1), further)) + " ws"
	if least == 0 {
		return "( " + body + " )? "
	}
	return body + " "
}

// property is one that the schema names.
type property struct {
	rule     string // name, colon and value
	required bool
}

// object translates a schema of objects.
func (g *grammar) object(s *object) (string, error) {
	declared, _ := s.values["properties"].(*object)
	if declared == nil {
		declared = newObject()
	}
	additional, mentioned := s.values["additionalProperties"]
	patterns, _ := s.values["patternProperties"].(*object)
	if !mentioned {
		// By the letter, anything may be added; a model that may add does not know when to stop.
		additional = len(declared.keys) == 0 && patterns == nil
	}
	least, most := count(s, "minProperties", 0), count(s, "maxProperties", -1)
	if additional == true && patterns == nil && len(s.without("type", "additionalProperties", "properties").keys) == 0 && len(declared.keys) == 0 {
		return g.use("object"), nil
	}
	properties, err := g.properties(s, declared, additional)
	if err != nil {
		return "", err
	}
	extra, err := g.extra(s, declared, patterns, additional)
	if err != nil {
		return "", err
	}
	if properties, err = fit(properties, extra != "", least, most); err != nil {
		return "", err
	}
	required := 0
	for _, p := range properties {
		if p.required {
			required++
		}
	}
	least = max(0, least-required)
	if most >= 0 {
		most = max(0, most-len(properties))
	}
	if extra == "" {
		most = 0
	}
	return g.rule(`"{" ws ` + g.members(properties, extra, least, most) + `"}"`), nil
}

// properties translates the named properties, and those that are required without being named.
func (g *grammar) properties(s, declared *object, additional any) ([]property, error) {
	required := requiredNames(s)
	names := slices.Clone(declared.keys)
	for _, r := range required {
		if !declared.has(r) {
			names = append(names, r)
		}
	}
	var list []property
	for _, name := range names {
		node, ok := declared.values[name]
		if !ok {
			node = additional
			if node == false && !s.has("additionalProperties") {
				node = true
			}
		}
		value, err := g.visit(node)
		isRequired := slices.Contains(required, name)
		switch {
		case errors.Is(err, errNever) && !isRequired:
			continue
		case err != nil:
			return nil, err
		}
		list = append(list, property{g.rule(quoted(compactJSON(name)+":") + " ws " + value), isRequired})
	}
	return list, nil
}

// requiredNames lists what is required. What one property demands of others is demanded always: that is within the rule.
func requiredNames(s *object) []string {
	var names []string
	add := func(list any) {
		for _, v := range asList(list) {
			if name, ok := v.(string); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	add(s.values["required"])
	if dependent, ok := s.values["dependentRequired"].(*object); ok {
		for _, trigger := range dependent.keys {
			add(dependent.values[trigger])
		}
	}
	return names
}

// extra is the rule for one property that the schema does not name; "" is none.
func (g *grammar) extra(s, declared, patterns *object, additional any) (string, error) {
	var alternatives []string
	add := func(key string, node any) error {
		value, err := g.visit(node)
		if err == nil {
			alternatives = append(alternatives, key+` ":" ws `+value)
		}
		if errors.Is(err, errNever) {
			return nil
		}
		return err
	}
	if patterns != nil {
		for _, p := range patterns.keys {
			if body, ok := g.pattern(p, 0, -1); ok {
				if err := add(g.rule(`"\"" `+body+` "\""`), patterns.values[p]); err != nil {
					return "", err
				}
			}
		}
	}
	if additional != false {
		key := g.use("string")
		if names, ok := s.values["propertyNames"].(*object); ok {
			text := newObject()
			text.set("type", "string")
			body, err := g.visit(mergeSchemas("propertyNames", text, names))
			if err != nil {
				return "", err
			}
			key = body
		} else if len(declared.keys) > 0 {
			key = g.otherThan(declared.keys)
		}
		if err := add(key, additional); err != nil {
			return "", err
		}
	}
	if len(alternatives) == 0 {
		return "", nil
	}
	return g.rule(strings.Join(alternatives, " | ")), nil
}

// otherThan is a key that is none of names. It has no escapes, by which it could be one of them in disguise.
func (g *grammar) otherThan(names []string) string {
	const character = `[^"\\\x00-\x1F]`
	names = slices.Clone(names)
	slices.Sort(names)
	var tree func(names []string) string
	tree = func(names []string) string {
		optional := "?"
		if names[0] == "" {
			optional = ""
			names = names[1:]
		}
		var alternatives []string
		var taken strings.Builder
		for len(names) > 0 {
			first := []rune(names[0])[0]
			var rests []string
			for len(names) > 0 && []rune(names[0])[0] == first {
				rests = append(rests, names[0][len(string(first)):])
				names = names[1:]
			}
			if first < 0x20 || first == '"' || first == '\\' {
				continue // needs an escape
			}
			taken.WriteString(classRune(first))
			alternatives = append(alternatives, "["+classRune(first)+"] "+g.rule(tree(rests)))
		}
		alternatives = append(alternatives, `[^"\\\x00-\x1F`+taken.String()+`] `+character+`*`)
		return "( " + strings.Join(alternatives, " | ") + " )" + optional
	}
	return g.rule(`"\"" ` + tree(names) + ` "\""`)
}

// fit makes the named properties keep to minProperties and maxProperties: optional ones become required where nothing
// else can be added, and drop out where there are too many.
func fit(list []property, open bool, least, most int) ([]property, error) {
	required := 0
	for _, p := range list {
		if p.required {
			required++
		}
	}
	if most >= 0 && (required > most || least > most) || !open && len(list) < least {
		return nil, errNever
	}
	for i := len(list) - 1; i >= 0 && most >= 0 && len(list) > most; i-- {
		if !list[i].required {
			list = slices.Delete(list, i, i+1)
		}
	}
	for i := 0; i < len(list) && !open && required < least; i++ {
		if !list[i].required {
			list[i].required = true
			required++
		}
	}
	return list, nil
}

// members is what stands between the braces: the properties in their order, then least to most of extra.
func (g *grammar) members(list []property, extra string, least, most int) string {
	// after[i] is what follows when something stands before property i: each brings its own comma.
	after := make([]string, len(list)+1)
	if most != 0 {
		after[len(list)] = g.repeat(g.rule(`"," ws `+extra), least, most)
	}
	for i := len(list) - 1; i >= 0; i-- {
		with := `"," ws ` + list[i].rule
		if !list[i].required {
			with = "( " + with + " )?"
		}
		after[i] = strings.TrimSpace(with + " " + after[i+1])
		if i%8 == 0 { // keeps the rules short without one for each property
			after[i] = g.rule(after[i])
		}
	}
	// The first one that is there brings no comma.
	var firsts []string
	for i, p := range list {
		firsts = append(firsts, strings.TrimSpace(p.rule+" "+after[i+1]))
		if p.required {
			return g.rule(strings.Join(firsts, " | ")) + " ws "
		}
	}
	optional := "?"
	if most != 0 {
		further := most
		if most > 0 {
			further--
		}
		firsts = append(firsts, strings.TrimSpace(extra+" "+g.repeat(g.rule(`"," ws `+extra), max(0, least-1), further)))
		if least > 0 {
			optional = ""
		}
	}
	if len(firsts) == 0 {
		return ""
	}
	return fmt.Sprintf("( %s ws )%s ", g.rule(strings.Join(firsts, " | ")), optional)
}
