package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// document is a YAML file: what it says as a plain value for the schema, and on which line it says it.
type document struct {
	file  string
	root  ast.Node       // nil when the file says nothing
	value any            // root as maps, slices and scalars
	lines map[string]int // by path, such as cors.origins[0]
}

// parseDocument reads YAML. Of its mistakes it reports the first, as the parser does; there is nothing to go on with.
func parseDocument(file string, text []byte) (d document, problem *Problem) {
	d = document{file: file, lines: map[string]int{}}
	parsed, err := parseYAML(text)
	if err != nil {
		problem = &Problem{File: file, Message: "is not YAML: " + err.Error()}
		if e, ok := errors.AsType[yaml.Error](err); ok {
			problem.Message = "is not YAML: " + e.GetMessage()
			if token := e.GetToken(); token != nil && token.Position != nil {
				problem.Line = token.Position.Line
			}
		}
		return d, problem
	}
	for _, doc := range parsed.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType {
			continue
		}
		if d.root != nil {
			return d, &Problem{File: file, Line: lineOf(doc.Body), Message: "a second document begins here; the file holds one"}
		}
		d.root = doc.Body
	}
	if d.root != nil {
		d.value, problem = d.read(d.root, "", 0)
	}
	return d, problem
}

// parseYAML is the parser, whose panics on odd input are errors too: a configuration must never end in a stack trace.
func parseYAML(text []byte) (file *ast.File, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the parser gave up on it (%v)", fault)
		}
	}()
	return parser.ParseBytes(text, 0)
}

// deepest is far more nesting than a configuration has.
const deepest = 20

// read turns a node into a plain value and notes the lines of all that it holds. Anchors, aliases, merges and tags are
// refused: a page of settings needs none, and without them each value stands on the line where it is read.
func (d *document) read(node ast.Node, path string, depth int) (any, *Problem) {
	fault := func(format string, args ...any) (any, *Problem) {
		return nil, &Problem{File: d.file, Line: lineOf(node), Path: path, Message: fmt.Sprintf(format, args...)}
	}
	if depth > deepest {
		return fault("is nested too deeply")
	}
	switch n := node.(type) {
	case *ast.MappingNode:
		result := make(map[string]any, len(n.Values))
		for _, entry := range n.Values {
			name, ok := keyOf(entry)
			if !ok || hasControl(name) {
				node = entry.Key
				return fault("a name must be plain text; anchors, merges and the like are not used here")
			}
			below := joinPath(path, name)
			d.lines[below] = lineOf(entry.Key)
			value, problem := d.read(entry.Value, below, depth+1)
			if problem != nil {
				return nil, problem
			}
			result[name] = value
		}
		return result, nil
	case *ast.SequenceNode:
		result := make([]any, 0, len(n.Values))
		for i, item := range n.Values {
			below := path + "[" + strconv.Itoa(i) + "]"
			d.lines[below] = lineOf(item)
			value, problem := d.read(item, below, depth+1)
			if problem != nil {
				return nil, problem
			}
			result = append(result, value)
		}
		return result, nil
	case *ast.StringNode:
		if hasControl(n.Value) {
			return fault("has a line break, a tab or another control character in it")
		}
		return n.Value, nil
	case *ast.LiteralNode:
		return fault("is text of several lines; one line, without | or >")
	case *ast.IntegerNode:
		return n.Value, nil
	case *ast.FloatNode:
		return n.Value, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.NullNode:
		return nil, nil
	case *ast.InfinityNode, *ast.NanNode:
		return fault("%s is no number that can be used", node.GetToken().Value)
	}
	return fault("anchors, aliases and tags are not used here; write the value itself")
}

func keyOf(entry *ast.MappingValueNode) (string, bool) {
	switch key := entry.Key.(type) {
	case *ast.StringNode:
		return key.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return key.GetToken().Value, true
	}
	return "", false
}

// hasControl is true of text that no setting needs and that would break a log line or a message.
func hasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

func lineOf(node ast.Node) int {
	if token := node.GetToken(); token != nil && token.Position != nil {
		return token.Position.Line
	}
	return 0
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// path is the reader's form of a place in the document, given by its steps.
func (d *document) path(steps []string) string {
	path, value := "", d.value
	for _, step := range steps {
		switch v := value.(type) {
		case []any:
			path += "[" + step + "]"
			if i, err := strconv.Atoi(step); err == nil && i < len(v) {
				value = v[i]
			}
		case map[string]any:
			path = joinPath(path, step)
			value = v[step]
		default:
			path = joinPath(path, step)
		}
	}
	return path
}

// at is the value at a place, or nil.
func (d *document) at(steps []string) (value any) {
	value = d.value
	for _, step := range steps {
		switch v := value.(type) {
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		case map[string]any:
			value = v[step]
		default:
			return nil
		}
	}
	return value
}

// line is where a path stands, or the nearest thing around it.
func (d *document) line(path string) int {
	for path != "" {
		if line := d.lines[path]; line > 0 {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	if d.root != nil {
		return lineOf(d.root)
	}
	return 0
}

// prune takes a place out of the document, so that what is right in the rest can be decoded. A list with a wrong item goes
// as a whole: the numbers of its other items would no longer fit.
func (d *document) prune(steps []string) {
	node := d.root
	for i, step := range steps {
		mapping, ok := node.(*ast.MappingNode)
		if !ok {
			d.prune(steps[:i])
			return
		}
		at := slices.IndexFunc(mapping.Values, func(entry *ast.MappingValueNode) bool {
			name, _ := keyOf(entry)
			return name == step
		})
		if at < 0 {
			return // it went with something around it
		}
		if i == len(steps)-1 {
			mapping.Values = slices.Delete(mapping.Values, at, at+1)
			return
		}
		node = mapping.Values[at].Value
	}
	d.root = nil // the document as a whole is wrong
}
