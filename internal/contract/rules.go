package contract

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"sync"

	"github.com/everpoint/everpoint/internal/contract/schema"
)

//go:embed requests.json
var requests []byte

// rules is requests.json with its indexes followed.
type rules struct {
	operations map[string]operation
}

type operation struct {
	node     *node
	optional bool // an empty body is as good as {}
}

type node struct {
	schema.Node
	pattern *regexp.Regexp
	arrays  []array
	objects []*object
	tagged  map[string][]*object // by the value of Tag
	absent  []*object            // the objects that do not insist on Tag
	other   []*object            // the objects whose Tag is not fixed
}

type array struct {
	schema.Array
	items *node
}

type object struct {
	schema.Object
	props  []*node
	index  map[string]int // of a member in Props
	values *node          // nil: tolerate
}

// loaded gives the rules, which are read at the first call.
var loaded = sync.OnceValue(load)

// load panics on a fault: the rules are part of the program.
func load() *rules {
	var file schema.File
	if err := json.Unmarshal(requests, &file); err != nil {
		panic("contract: requests.json: " + err.Error())
	}
	nodes := make([]node, len(file.Nodes))
	objects := make([]object, len(file.Objects))
	for i, o := range file.Objects {
		objects[i] = object{Object: o, index: make(map[string]int, len(o.Props))}
		for j, p := range o.Props {
			objects[i].props = append(objects[i].props, &nodes[p.Node])
			objects[i].index[p.Name] = j
		}
		if o.Values != nil {
			objects[i].values = &nodes[*o.Values]
		}
	}
	for i, n := range file.Nodes {
		nodes[i] = node{Node: n}
		if n.String != nil && n.String.Pattern != "" {
			nodes[i].pattern = regexp.MustCompile(n.String.Pattern)
		}
		for _, a := range n.Arrays {
			nodes[i].arrays = append(nodes[i].arrays, array{a, &nodes[a.Items]})
		}
		for _, o := range n.Objects {
			nodes[i].objects = append(nodes[i].objects, &objects[o])
		}
		if n.Tag != nil {
			nodes[i].follow(n.Tag)
		}
	}
	r := &rules{operations: make(map[string]operation, len(file.Operations))}
	for id, op := range file.Operations {
		r.operations[id] = operation{&nodes[op.Node], op.Optional}
	}
	return r
}

// follow turns the indexes of tag into objects.
func (n *node) follow(tag *schema.Tag) {
	pick := func(indexes []int) []*object {
		var out []*object
		for _, i := range indexes {
			out = append(out, n.objects[i])
		}
		return out
	}
	n.tagged = make(map[string][]*object, len(tag.Values))
	for _, v := range tag.Values {
		n.tagged[v.Value] = append(pick(v.Objects), pick(tag.Other)...)
	}
	n.absent, n.other = pick(tag.Absent), pick(tag.Other)
}
