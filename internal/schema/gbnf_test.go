package schema

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// gbnf is a grammar as the engine reads it, for writing random texts of it.
type gbnf struct {
	rules map[string]alternatives
	cost  map[string]int // fewest rules on the deepest path of the shortest text
}

type (
	alternatives []sequence
	sequence     []element
	element      struct {
		literal  string
		class    []rune // pairs
		negated  bool
		rule     string
		group    alternatives
		min, max int // max < 0 has no end
	}
)

// parseGBNF reads a grammar and fails the test where the engine would refuse it.
func parseGBNF(t *testing.T, text string) *gbnf {
	t.Helper()
	g := &gbnf{rules: map[string]alternatives{}, cost: map[string]int{}}
	for line := range strings.Lines(text) {
		name, body, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ::= ")
		if !ok {
			t.Fatalf("no rule: %q", line)
		}
		if _, twice := g.rules[name]; twice {
			t.Fatalf("two rules are called %s", name)
		}
		p := &gbnfParser{t: t, rest: body}
		g.rules[name] = p.alternatives()
		if p.rest != "" {
			t.Fatalf("rule %s: cannot read %q", name, p.rest)
		}
	}
	for changed := true; changed; {
		changed = false
		for name, body := range g.rules {
			if c := g.costOf(body) + 1; c < 1<<20 && (g.cost[name] == 0 || c < g.cost[name]) {
				g.cost[name], changed = c, true
			}
		}
	}
	for name := range g.rules {
		if g.cost[name] == 0 {
			t.Fatalf("rule %s has no text, or needs a rule that is not there", name)
		}
	}
	return g
}

func (g *gbnf) costOf(list alternatives) int {
	best := 1 << 20
	for _, s := range list {
		worst := 0
		for _, e := range s {
			worst = max(worst, g.elementCost(e))
		}
		best = min(best, worst)
	}
	return best
}

func (g *gbnf) elementCost(e element) int {
	switch {
	case e.min == 0:
		return 0
	case e.rule != "":
		if g.cost[e.rule] == 0 {
			return 1 << 20
		}
		return g.cost[e.rule]
	case e.group != nil:
		return g.costOf(e.group)
	}
	return 0
}

// sample writes a random text. Below the given depth it takes the shortest way out.
func (g *gbnf) sample(r *rand.Rand, b *strings.Builder, list alternatives, depth int) {
	choices := list
	if depth <= 0 {
		choices = nil
		best := g.costOf(list)
		for _, s := range list {
			if g.costOf(alternatives{s}) == best {
				choices = append(choices, s)
			}
		}
	}
	for _, e := range choices[r.IntN(len(choices))] {
		n := e.min
		if depth > 0 {
			most := e.max
			if most < 0 || most > e.min+6 {
				most = e.min + 6
			}
			n += r.IntN(most - e.min + 1)
			if e.max > 6 && r.IntN(8) == 0 {
				n = e.max // the longest text must be right too
			}
		}
		for range n {
			switch {
			case e.rule != "":
				g.sample(r, b, g.rules[e.rule], depth-1)
			case e.group != nil:
				g.sample(r, b, e.group, depth)
			case e.class != nil:
				b.WriteRune(e.pick(r))
			default:
				b.WriteString(e.literal)
			}
		}
	}
}

func (e element) pick(r *rand.Rand) rune {
	if !e.negated {
		i := 2 * r.IntN(len(e.class)/2)
		from, to := e.class[i], e.class[i+1]
		c := from + rune(r.Int32N(to-from+1))
		if utf8.ValidRune(c) {
			return c
		}
		return from
	}
	for {
		c := rune(r.IntN(0x180))
		in := false
		for i := 0; i < len(e.class); i += 2 {
			in = in || e.class[i] <= c && c <= e.class[i+1]
		}
		if !in {
			return c
		}
	}
}

type gbnfParser struct {
	t    *testing.T
	rest string
}

func (p *gbnfParser) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *gbnfParser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *gbnfParser) alternatives() alternatives {
	list := alternatives{p.sequence()}
	for p.take("|") {
		list = append(list, p.sequence())
	}
	return list
}

func (p *gbnfParser) sequence() sequence {
	s := sequence{}
	for p.space(); p.rest != "" && p.rest[0] != '|' && p.rest[0] != ')'; p.space() {
		e := element{min: 1, max: 1}
		switch {
		case p.take(`"`):
			for !p.take(`"`) {
				e.literal += string(p.character())
			}
		case p.take("["):
			e.negated = p.take("^")
			e.class = []rune{}
			for !p.take("]") {
				from := p.character()
				to := from
				if p.rest[0] == '-' && p.rest[1] != ']' {
					p.take("-")
					to = p.character()
				}
				e.class = append(e.class, from, to)
			}
		case p.take("("):
			e.group = p.alternatives()
			if !p.take(")") {
				p.t.Fatalf("no closing parenthesis before %q", p.rest)
			}
		default:
			n := 0
			for n < len(p.rest) && (p.rest[n] >= 'a' && p.rest[n] <= 'z' || p.rest[n] >= '0' && p.rest[n] <= '9') {
				n++
			}
			if n == 0 {
				p.t.Fatalf("cannot read %q", p.rest)
			}
			e.rule, p.rest = p.rest[:n], p.rest[n:]
		}
		p.repetition(&e)
		s = append(s, e)
	}
	return s
}

func (p *gbnfParser) repetition(e *element) {
	switch {
	case p.take("*"):
		e.min, e.max = 0, -1
	case p.take("+"):
		e.min, e.max = 1, -1
	case p.take("?"):
		e.min, e.max = 0, 1
	case p.take("{"):
		text, rest, _ := strings.Cut(p.rest, "}")
		p.rest = rest
		low, high, isRange := strings.Cut(text, ",")
		var err error
		if e.min, err = strconv.Atoi(low); err != nil {
			p.t.Fatalf("repetition {%s}", text)
		}
		switch {
		case !isRange:
			e.max = e.min
		case high == "":
			e.max = -1
		default:
			if e.max, err = strconv.Atoi(high); err != nil || e.max < e.min {
				p.t.Fatalf("repetition {%s}", text)
			}
		}
		if e.max > 2000 || e.min > 2000 {
			p.t.Fatalf("the engine refuses {%s}", text)
		}
	}
	if e.max != 1 && e.rule == "" && e.group == nil && e.class == nil && e.literal == "" {
		p.t.Fatal("repeats nothing")
	}
}

func (p *gbnfParser) character() rune {
	if p.take(`\`) {
		c := p.rest[0]
		p.rest = p.rest[1:]
		if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 {
			v, err := strconv.ParseUint(p.rest[:digits], 16, 32)
			if err != nil {
				p.t.Fatal(err)
			}
			p.rest = p.rest[digits:]
			return rune(v)
		}
		switch c {
		case 'n':
			return '\n'
		case 'r':
			return '\r'
		case 't':
			return '\t'
		case '\\', '"', '[', ']', '-':
			return rune(c)
		}
		p.t.Fatalf("the engine does not know the escape \\%c", c)
	}
	r, size := utf8.DecodeRuneInString(p.rest)
	if r == utf8.RuneError {
		p.t.Fatalf("no character in %q", p.rest)
	}
	p.rest = p.rest[size:]
	return r
}

// sampleOf writes one random text of a grammar.
func sampleOf(r *rand.Rand, g *gbnf) string {
	var b strings.Builder
	g.sample(r, &b, g.rules["root"], 4+r.IntN(14))
	return b.String()
}

func newRand(seed string) *rand.Rand {
	var n uint64
	_, _ = fmt.Sscanf(seed, "%d", &n)
	return rand.New(rand.NewPCG(n, uint64(len(seed))))
}
