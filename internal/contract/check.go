package contract

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/contract/schema"
)

// checker walks a valid JSON body along the rules.
type checker struct {
	body    []byte
	path    []segment       // of the value at hand
	room    [12]segment     // for the paths of almost every request
	unknown []string        // top-level names that the contract does not know
	late    *apierror.Error // counts only if nothing else is wrong
	collect bool            // whether to fill whole
	whole   [][2]int        // where integers are written like 5.0 or 1e2
}

// segment is a step of a path: a member, or, where name is nil, an element.
type segment struct {
	name  []byte
	index int
}

// value checks the value that begins at i and gives the place behind it, which counts only without a fault.
func (c *checker) value(n *node, i int) (int, *apierror.Error) {
	if n.Any {
		return skip(c.body, i), nil
	}
	switch c.body[i] {
	case '{':
		return c.anyObject(n, i)
	case '[':
		return c.anyArray(n, i)
	case '"':
		if n.String == nil {
			return i, c.wrongType(n, i)
		}
		end := skipString(c.body, i)
		return end, c.text(n, c.body[i+1:end-1])
	case 't', 'f':
		if !n.Bool {
			return i, c.wrongType(n, i)
		}
		return skip(c.body, i), nil
	case 'n':
		if !n.Null {
			return i, c.wrongType(n, i)
		}
		return i + len("null"), nil
	default:
		if n.Number == nil {
			return i, c.wrongType(n, i)
		}
		end := skip(c.body, i)
		return end, c.number(n, i, end)
	}
}

// text checks the inside of a string.
func (c *checker) text(n *node, raw []byte) *apierror.Error {
	rule := n.String
	if rule.Enum == nil && rule.Min == 0 && rule.Max == 0 && n.pattern == nil {
		return nil
	}
	if rule.Enum != nil {
		value := plain(raw)
		for _, v := range rule.Enum {
			if string(value) == v {
				return nil
			}
		}
		return c.wrongValue(value, rule.Enum)
	}
	value := raw
	if rule.Max == 0 || len(raw) > rule.Max || n.pattern != nil { // else it is short enough whatever it holds
		value = plain(raw)
	}
	if length := utf8.RuneCount(value); length < rule.Min {
		return c.tooShort("string", length, rule.Min)
	} else if rule.Max > 0 && length > rule.Max {
		return c.tooLong("string", length, rule.Max)
	}
	if n.pattern != nil && !n.pattern.Match(value) {
		return c.noMatch(rule.Pattern)
	}
	return nil
}

// plain gives the inside of a string without escapes.
func plain(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var s string
	if err := json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &s); err != nil {
		return raw // cannot be: the body is valid
	}
	return []byte(s)
}

func (c *checker) number(n *node, start, end int) *apierror.Error {
	rule, raw := n.Number, c.body[start:end]
	value, err := parse(raw)
	if err != nil { // too large for a float64, so value is an infinity: let it be above or below the largest
		value = math.Copysign(math.MaxFloat64, value)
	}
	unit := "decimal"
	low, high := rule.Min, rule.Max
	if rule.Integer {
		if unit = "integer"; value != math.Trunc(value) {
			return c.wrongType(n, start)
		}
		if c.collect && bytes.ContainsAny(raw, ".eE") {
			c.whole = append(c.whole, [2]int{start, end})
		}
	}
	switch {
	case low != nil && (value < *low || rule.Above && value == *low):
		return c.belowMin(unit, raw, *low, rule.Above)
	case high != nil && value > *high:
		return c.aboveMax(unit, raw, strconv.FormatFloat(*high, 'f', -1, 64))
	case err != nil && value > 0:
		return c.aboveMax(unit, raw, "1.7976931348623157e308")
	case err != nil:
		return c.belowMin(unit, raw, -math.MaxFloat64, false)
	case rule.Integer && value >= math.MaxInt64 && !fitsInt64(raw): // it would not fit into anyone's integer
		return c.aboveMax(unit, raw, strconv.Itoa(math.MaxInt64))
	case rule.Integer && value < math.MinInt64:
		return c.belowMin(unit, raw, math.MinInt64, false)
	}
	return nil
}

// fitsInt64 decides about the integers that a float64 cannot tell from the first one too large.
func fitsInt64(raw []byte) bool {
	_, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil
}

// parse is strconv.ParseFloat with a short way for the short integers that token arrays are full of.
func parse(raw []byte) (float64, error) {
	value := 0
	for _, c := range raw {
		if c < '0' || c > '9' || len(raw) > 9 {
			return strconv.ParseFloat(string(raw), 64)
		}
		value = value*10 + int(c-'0')
	}
	return float64(value), nil
}

// anyArray picks among alternatives by the first element.
func (c *checker) anyArray(n *node, i int) (int, *apierror.Error) {
	if len(n.arrays) == 0 {
		return i, c.wrongType(n, i)
	}
	rule := &n.arrays[0]
	first := space(c.body, i+1)
	if len(n.arrays) > 1 && c.body[first] != ']' {
		rule = nil
		for k := range n.arrays {
			if n.arrays[k].items.takes(c.body[first]) {
				rule = &n.arrays[k]
				break
			}
		}
		if rule == nil {
			c.path = append(c.path, segment{})
			fault := c.wrongElement(n, first)
			c.path = c.path[:len(c.path)-1]
			return i, fault
		}
	}
	return c.array(rule, first)
}

// array checks the elements from the first one, or the closing bracket, on.
func (c *checker) array(rule *array, i int) (int, *apierror.Error) {
	count := 0
	c.path = append(c.path, segment{})
	for c.body[i] != ']' {
		c.path[len(c.path)-1].index = count
		end, fault := c.value(rule.items, i)
		if fault != nil {
			c.path = c.path[:len(c.path)-1]
			return i, fault
		}
		count++
		if i = space(c.body, end); c.body[i] == ',' {
			i = space(c.body, i+1)
		}
	}
	c.path = c.path[:len(c.path)-1]
	if count < rule.Min {
		return i, c.tooShort("array", count, rule.Min)
	}
	if rule.Max > 0 && count > rule.Max {
		return i, c.tooLong("array", count, rule.Max)
	}
	return i + 1, nil
}

// takes tells whether a value that begins with this byte may stand at n, by its kind alone.
func (n *node) takes(first byte) bool {
	switch first {
	case '{':
		return n.Any || len(n.objects) > 0
	case '[':
		return n.Any || len(n.arrays) > 0
	case '"':
		return n.Any || n.String != nil
	case 't', 'f':
		return n.Any || n.Bool
	case 'n':
		return n.Any || n.Null
	default:
		return n.Any || n.Number != nil
	}
}

// anyObject picks among alternatives by the tag.
func (c *checker) anyObject(n *node, i int) (int, *apierror.Error) {
	switch len(n.objects) {
	case 0:
		return i, c.wrongType(n, i)
	case 1:
		return c.object(n.objects[0], i)
	}
	if n.Tag == nil {
		return c.oneOf(n.objects, i)
	}
	at := c.find(i, n.Tag.Name)
	switch {
	case at < 0, c.body[at] == 'n' && len(n.absent) > 0:
		if len(n.absent) == 0 {
			return i, c.missing(n.Tag.Name)
		}
		return c.oneOf(n.absent, i)
	case c.body[at] != '"':
		return i, c.wrongTag(n, at)
	}
	raw := c.body[at+1 : skipString(c.body, at)-1]
	candidates, ok := n.tagged[string(plain(raw))]
	if !ok {
		candidates = n.other
	}
	if len(candidates) == 0 {
		return i, c.unknownTag(n, plain(raw))
	}
	return c.oneOf(candidates, i)
}

// oneOf checks the object that begins at i by each rule until one holds. If none does, the fault that counts is the
// one found deepest inside: the rule that it comes from fits the rest best.
func (c *checker) oneOf(candidates []*object, i int) (int, *apierror.Error) {
	if len(candidates) == 1 {
		return c.object(candidates[0], i)
	}
	var best *apierror.Error
	for _, o := range candidates {
		end, fault := c.object(o, i)
		if fault == nil {
			return end, nil
		}
		if best == nil || fit(fault) > fit(best) {
			best = fault
		}
	}
	return i, best
}

// fit says how well a rule fitted before this fault: how many steps inside it is and, at the same step, whether it is
// other than a wrong value, which is mostly a tag that shows that another rule is meant.
func fit(fault *apierror.Error) int {
	n := 2 * (strings.Count(fault.Param, ".") + strings.Count(fault.Param, "["))
	if fault.Code != "invalid_value" {
		n++
	}
	return n
}

// find gives the place of a member's value in the object that begins at i, or -1.
func (c *checker) find(i int, name string) int {
	for i = space(c.body, i+1); c.body[i] != '}'; {
		key, at := c.member(i)
		if string(key) == name {
			return at
		}
		if i = space(c.body, skip(c.body, at)); c.body[i] == ',' {
			i = space(c.body, i+1)
		}
	}
	return -1
}

// member reads the name that begins at i, and gives it and the place of its value.
func (c *checker) member(i int) (name []byte, at int) {
	end := skipString(c.body, i)
	colon := space(c.body, end)
	return plain(c.body[i+1 : end-1]), space(c.body, colon+1)
}

// object checks the object that begins at i. Of several faults in its members the one of the member that the contract
// names first counts, and a missing member comes before them all.
func (c *checker) object(o *object, i int) (int, *apierror.Error) {
	var seen uint64 // by index in Props
	var fault *apierror.Error
	rank := len(o.Props) + 1 // of fault
	count := 0
	top := len(c.path) == 0
	for i = space(c.body, i+1); c.body[i] != '}'; count++ {
		name, at := c.member(i)
		j, known := o.index[string(name)]
		var end int
		switch {
		case known && c.counts(&o.Props[j], at):
			seen |= 1 << j
			end = c.judge(o.props[j], segment{name: name}, at, j, &rank, &fault)
		case !known && o.values != nil:
			if longest := o.MaxKey; longest > 0 && len(name) > longest && rank > len(o.Props) {
				if length := utf8.RuneCount(name); length > longest {
					rank, fault = len(o.Props), c.longName(name, length, longest)
				}
			}
			end = c.judge(o.values, segment{name: name}, at, len(o.Props), &rank, &fault)
		default:
			if !known && top {
				c.unknown = append(c.unknown, string(name))
			}
			end = skip(c.body, at)
		}
		if i = space(c.body, end); c.body[i] == ',' {
			i = space(c.body, i+1)
		}
	}
	if o.Max > 0 && count > o.Max {
		return i, c.tooMany(count, o.Max)
	}
	if absent := c.demand(o, seen); absent != nil {
		fault = absent
		if top {
			c.unknown = nil
		}
	}
	return i + 1, fault
}

// counts tells whether the value at i makes its member present: a null does not, unless the member is required.
func (c *checker) counts(p *schema.Prop, i int) bool {
	if c.body[i] == 'n' {
		return p.Required && p.Missing == ""
	}
	return p.Missing == "" || c.body[i] != '"' || c.body[i+1] != '"'
}

// judge checks a member's value and gives the place behind it. Its fault is kept if it ranks before the one at hand.
func (c *checker) judge(n *node, step segment, i, rank int, best *int, fault **apierror.Error) int {
	if rank >= *best {
		return skip(c.body, i)
	}
	c.path = append(c.path, step)
	end, f := c.value(n, i)
	c.path = c.path[:len(c.path)-1]
	if f != nil {
		*best, *fault = rank, f
		return skip(c.body, i)
	}
	return end
}

// demand tells which member is missing, if one is.
func (c *checker) demand(o *object, seen uint64) *apierror.Error {
	for j := range o.Props {
		if p := &o.Props[j]; p.Required && seen&(1<<j) == 0 {
			if p.Missing != "" {
				return apierror.Invalidf("", "", "%s", p.Missing)
			}
			return c.missing(p.Name)
		}
	}
	has := func(name string) bool { return seen&(1<<o.index[name]) != 0 }
	lacks := func(name string) bool { return !has(name) }
	complete := func(set []string) bool { return !slices.ContainsFunc(set, lacks) }
	if len(o.Sets) > 0 && !slices.ContainsFunc(o.Sets, complete) {
		return c.missing(o.Sets[0][0])
	}
	if l := o.Late; l != nil && c.late == nil && !slices.ContainsFunc(l.AnyOf, has) {
		c.late = c.lateFault(l)
	}
	return nil
}
