package main

import (
	"slices"

	"github.com/everpoint/everpoint/internal/contract/schema"
)

// tag finds the member that tells the branches of a union apart: the one that the contract calls the discriminator,
// else the one that has a fixed set of values in most branches. Nil where no member does.
func (c *compiler) tag(branches []*object, discriminator string) *schema.Tag {
	best, bestCount := "", 1
	for _, b := range branches {
		props := b.object("properties")
		if props == nil {
			continue
		}
		for _, name := range props.keys {
			count := 0
			for _, other := range branches {
				if len(c.values(other, name)) > 0 {
					count++
				}
			}
			if name == discriminator {
				count = len(branches) + 1
			}
			if count > bestCount {
				best, bestCount = name, count
			}
		}
	}
	if best == "" {
		return nil
	}
	t := &schema.Tag{Name: best}
	for i, b := range branches {
		if !slices.Contains(b.list("required"), any(best)) {
			t.Absent = append(t.Absent, i)
		}
		values := c.values(b, best)
		if len(values) == 0 {
			t.Other = append(t.Other, i)
		}
		for _, v := range values {
			at := slices.IndexFunc(t.Values, func(x schema.Value) bool { return x.Value == v })
			if at < 0 {
				at = len(t.Values)
				t.Values = append(t.Values, schema.Value{Value: v})
			}
			t.Values[at].Objects = append(t.Values[at].Objects, i)
		}
	}
	return t
}

// values gives the fixed set of strings that branch allows for a member, if it has one.
func (c *compiler) values(branch *object, member string) []string {
	props := branch.object("properties")
	if props == nil || props.object(member) == nil {
		return nil
	}
	var n schema.Node
	var values []string
	open := false
	var discriminator string
	err := c.flatten(props.object(member), func(leaf *object) {
		if kind(leaf) == "null" {
			return
		}
		if kind(leaf) != "string" || leaf.list("enum") == nil {
			open = true
			return
		}
		for _, v := range leaf.list("enum") {
			values = append(values, v.(string))
		}
	}, &n, &discriminator)
	if err != nil || open {
		return nil
	}
	return values
}
