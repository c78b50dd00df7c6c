package contract

import "testing"

// TestRulesAreBounded guards what the walk relies on: at most 64 members per object, for the set of members seen; names
// in Late and Sets that exist; and no choice among several candidate objects that leads back to itself, since trying
// each of them at every level would take a time that grows with the power of the depth. Nor may such a candidate have
// a Late: one that was tried in vain would leave its demand behind.
func TestRulesAreBounded(t *testing.T) {
	seen := map[*node]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if len(n.objects) > 1 {
			var sets [][]*object
			for _, set := range n.tagged {
				sets = append(sets, set)
			}
			if n.Tag == nil {
				sets = append(sets, n.objects)
			}
			for _, set := range append(sets, n.absent, n.other) {
				if len(set) < 2 {
					continue
				}
				for _, o := range set {
					if o.Late != nil {
						t.Errorf("one of several candidates has a late demand for %v", o.Late.AnyOf)
					}
					if reaches(o, n, map[*object]bool{}) {
						t.Errorf("a choice among objects leads back to itself, at member %v", o.Props)
					}
				}
			}
		}
		if seen[n] {
			return
		}
		seen[n] = true
		for _, a := range n.arrays {
			walk(a.items)
		}
		for _, o := range n.objects {
			if len(o.Props) > 64 {
				t.Errorf("an object has %d members", len(o.Props))
			}
			names := []string{}
			if o.Late != nil {
				names = append(names, o.Late.AnyOf...)
			}
			for _, set := range o.Sets {
				names = append(names, set...)
			}
			for _, name := range names {
				if _, ok := o.index[name]; !ok {
					t.Errorf("a rule speaks of %s, which is no member", name)
				}
			}
			for _, p := range o.props {
				walk(p)
			}
			if o.values != nil {
				walk(o.values)
			}
		}
	}
	for _, op := range loaded().operations {
		walk(op.node)
	}
	if len(seen) < 1000 {
		t.Errorf("only %d places were walked", len(seen))
	}
}

// reaches tells whether target stands anywhere inside o.
func reaches(o *object, target *node, done map[*object]bool) bool {
	if done[o] {
		return false
	}
	done[o] = true
	var inside func(n *node) bool
	inside = func(n *node) bool {
		if n == target {
			return true
		}
		for _, a := range n.arrays {
			if inside(a.items) {
				return true
			}
		}
		for _, o := range n.objects {
			if reaches(o, target, done) {
				return true
			}
		}
		return false
	}
	for _, p := range o.props {
		if inside(p) {
			return true
		}
	}
	return o.values != nil && inside(o.values)
}
