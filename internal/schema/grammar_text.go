package schema

import (
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text translates a schema of strings. A pattern goes before a format, and both before the length.
func (g *grammar) text(s *object) (string, error) {
	least, most := count(s, "minLength", 0), count(s, "maxLength", -1)
	if most >= 0 && least > most {
		return "", errNever
	}
	if p, ok := s.values["pattern"].(string); ok {
		if body, ok := g.pattern(p, least, most); ok {
			return g.rule(`"\"" ` + body + ` "\""`), nil
		}
	}
	if f, ok := s.values["format"].(string); ok && !s.has("pattern") {
		if p, ok := formats[f]; ok {
			if body, ok := g.pattern(p, 0, -1); ok {
				return g.rule(`"\"" ` + body + ` "\""`), nil
			}
		}
	}
	if least == 0 && most < 0 {
		return g.use("string"), nil
	}
	return g.rule(`"\"" ` + g.repeat(g.use("char"), least, most) + ` "\""`), nil
}

// formats are expressions for strings of a format. They may be narrower than the format but never wider.
var formats = func() map[string]string {
	const (
		day   = `(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])`
		leap  = `(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29`
		date  = `(?:[0-9]{4}-(?:` + day + `)|` + leap + `)`
		clock = `(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])`
		n     = `[0-9]{1,4}`
		hms   = `T(?:` + n + `H(?:` + n + `M)?(?:` + n + `S)?|` + n + `M(?:` + n + `S)?|` + n + `S)`
		ymd   = `(?:` + n + `Y(?:` + n + `M)?(?:` + n + `D)?|` + n + `M(?:` + n + `D)?|` + n + `D)`
		label = `[A-Za-z0-9](?:[A-Za-z0-9]|-[A-Za-z0-9]){0,20}`
		host  = label + `(?:\.` + label + `){0,4}`
		octet = `(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
		hex   = `[0-9a-fA-F]`
		group = hex + `{1,4}`
	)
	// Eight groups, or "::" in place of those that are missing.
	ipv6 := []string{group + `(?::` + group + `){7}`}
	for before := range 8 {
		left, right := "", ""
		if before > 0 {
			left = group + fmt.Sprintf(`(?::`+group+`){%d}`, before-1)
		}
		if after := 7 - before; after > 0 {
			right = `(?:` + group + fmt.Sprintf(`(?::`+group+`){0,%d}`, after-1) + `)?`
		}
		ipv6 = append(ipv6, left+"::"+right)
	}
	list := map[string]string{
		"date":      date,
		"time":      clock,
		"date-time": date + "T" + clock,
		"duration":  `P(?:` + n + `W|` + ymd + `(?:` + hms + `)?|` + hms + `)`,
		"email":     `[A-Za-z0-9]{1,20}(?:[._+-][A-Za-z0-9]{1,20}){0,2}@` + label + `(?:\.` + label + `){1,3}`,
		"hostname":  host,
		"ipv4":      octet + `(?:\.` + octet + `){3}`,
		"ipv6":      strings.Join(ipv6, "|"),
		"uuid":      hex + `{8}-` + hex + `{4}-` + hex + `{4}-` + hex + `{4}-` + hex + `{12}`,
		"uri":       `[a-z][a-z0-9+.-]{0,15}:(?://` + host + `(?::[0-9]{1,4})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]{0,60}){0,8}|[A-Za-z0-9._~!$&'()*+,;=:@-]{1,200})(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,200})?`,
	}
	for name, p := range list {
		list[name] = "^(?:" + p + ")$"
	}
	return list
}()

// unanchored is the most text that may stand before the match of a pattern without "^".
const unanchored = 100

// pattern translates a regular expression into the inside of a JSON string. It reports false for what a grammar cannot
// say. A length is kept only by a pattern that repeats one set of characters.
func (g *grammar) pattern(p string, least, most int) (string, bool) {
	re, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return "", false
	}
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	branches := []*syntax.Regexp{re}
	if re.Op == syntax.OpAlternate {
		branches = re.Sub
	}
	var bodies []string
	for _, b := range branches {
		b, fromStart := stripAnchor(b, syntax.OpBeginText, false)
		b, toEnd := stripAnchor(b, syntax.OpEndText, true)
		var body string
		var ok bool
		if low, high, set := repetition(b); set != nil && fromStart && toEnd {
			low = max(low, least)
			if most >= 0 && (high < 0 || high > most) {
				high = most
			}
			if high >= 0 && low > high {
				continue
			}
			body, ok = g.expression(set)
			body = g.repeat(g.rule(body), low, high)
		} else {
			body, ok = g.expression(b)
		}
		if !ok {
			return "", false
		}
		if !fromStart {
			body = g.repeat(g.use("char"), 0, unanchored) + " " + body
		}
		if !toEnd {
			body += " " + g.use("char") + "*"
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		return "", false
	}
	return g.rule(strings.Join(bodies, " | ")), true
}

// stripAnchor removes the anchor at one side of an expression, and tells whether there was one. An anchor that only
// some branches have stays; expression refuses it.
func stripAnchor(re *syntax.Regexp, anchor syntax.Op, last bool) (*syntax.Regexp, bool) {
	replaced := func(i int, sub *syntax.Regexp) *syntax.Regexp {
		c := *re
		c.Sub = slices.Clone(re.Sub)
		c.Sub[i] = sub
		return &c
	}
	switch re.Op {
	case anchor:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}, true
	case syntax.OpCapture:
		sub, ok := stripAnchor(re.Sub[0], anchor, last)
		return replaced(0, sub), ok
	case syntax.OpConcat:
		i := 0
		if last {
			i = len(re.Sub) - 1
		}
		sub, ok := stripAnchor(re.Sub[i], anchor, last)
		return replaced(i, sub), ok
	case syntax.OpAlternate:
		c := *re
		c.Sub = make([]*syntax.Regexp, len(re.Sub))
		for i, s := range re.Sub {
			var ok bool
			if c.Sub[i], ok = stripAnchor(s, anchor, last); !ok {
				return re, false
			}
		}
		return &c, true
	}
	return re, false
}

// repetition recognises one set of characters, repeated; set is nil for anything else.
func repetition(re *syntax.Regexp) (low, high int, set *syntax.Regexp) {
	for re.Op == syntax.OpCapture || re.Op == syntax.OpConcat {
		rest := slices.DeleteFunc(slices.Clone(re.Sub), func(s *syntax.Regexp) bool { return s.Op == syntax.OpEmptyMatch })
		if len(rest) != 1 {
			return 0, 0, nil
		}
		re = rest[0]
	}
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
	default:
		return 0, 0, nil
	}
	switch set = re.Sub[0]; set.Op {
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		low, high = times(re)
		return low, high, set
	}
	return 0, 0, nil
}

// times gives how often a repeating expression repeats; high is -1 where there is no limit.
func times(re *syntax.Regexp) (low, high int) {
	switch re.Op {
	case syntax.OpStar:
		return 0, -1
	case syntax.OpPlus:
		return 1, -1
	case syntax.OpQuest:
		return 0, 1
	}
	return re.Min, re.Max
}

// expression translates a regular expression without anchors. The result can stand in a sequence.
func (g *grammar) expression(re *syntax.Regexp) (string, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return "", true
	case syntax.OpLiteral:
		parts := make([]string, len(re.Rune))
		for i, r := range re.Rune {
			parts[i] = g.characters(foldings(r, re.Flags&syntax.FoldCase != 0))
		}
		return strings.Join(parts, " "), true
	case syntax.OpCharClass:
		if len(re.Rune) == 0 {
			return "", false
		}
		return g.characters(re.Rune), true
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return g.characters([]rune{0x20, unicode.MaxRune}), true
	case syntax.OpCapture:
		return g.expression(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		body, ok := g.expression(re.Sub[0])
		if !ok || body == "" || nullable(re.Sub[0]) {
			return "", ok && body == "" // repeating what may be empty has no end
		}
		low, high := times(re)
		return g.repeat(g.rule(body), low, high), true
	case syntax.OpConcat:
		var parts []string
		for _, sub := range re.Sub {
			body, ok := g.expression(sub)
			if !ok {
				return "", false
			}
			if body != "" {
				parts = append(parts, body)
			}
		}
		return strings.Join(parts, " "), true
	case syntax.OpAlternate:
		var parts []string
		optional := ""
		for _, sub := range re.Sub {
			body, ok := g.expression(sub)
			if !ok {
				return "", false
			}
			if body == "" {
				optional = "?"
			} else {
				parts = append(parts, body)
			}
		}
		return "( " + strings.Join(parts, " | ") + " )" + optional, len(parts) > 0
	}
	return "", false
}

// nullable tells whether an expression may match nothing.
func nullable(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpStar, syntax.OpQuest:
		return true
	case syntax.OpRepeat:
		return re.Min == 0 || nullable(re.Sub[0])
	case syntax.OpCapture, syntax.OpPlus:
		return nullable(re.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !nullable(s) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, nullable)
	}
	return false
}

// foldings lists a character, or all that differ from it in case alone, as ranges.
func foldings(r rune, fold bool) []rune {
	list := []rune{r, r}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			list = append(list, f, f)
		}
	}
	return list
}

// characters is one character out of ranges, as it stands in a JSON string: quotation mark and backslash are escaped.
// Control characters, which need an escape too, are left out unless nothing else is there.
func (g *grammar) characters(ranges []rune) string {
	var plain strings.Builder
	var escaped []string
	single := len(ranges) == 2 && ranges[0] == ranges[1]
	add := func(from, to rune) {
		if from > to {
			return
		}
		plain.WriteString(classRune(from))
		if to > from {
			plain.WriteString("-" + classRune(to))
		}
	}
	for i := 0; i < len(ranges); i += 2 {
		from, to := max(ranges[i], 0x20), ranges[i+1]
		for _, special := range []rune{'"', '\\'} {
			if from <= special && special <= to {
				escaped = append(escaped, quoted(compactJSON(string(special))[1:3]))
				add(from, special-1)
				from = special + 1
			}
		}
		add(from, to)
	}
	if plain.Len() == 0 && len(escaped) == 0 {
		for i := 0; i < len(ranges); i += 2 {
			for r := ranges[i]; r <= min(ranges[i+1], 0x1F); r++ {
				text := compactJSON(string(r))
				escaped = append(escaped, quoted(text[1:len(text)-1]))
			}
		}
	}
	switch {
	case len(escaped) == 0 && single:
		return quoted(string(ranges[0]))
	case len(escaped) == 0:
		return "[" + plain.String() + "]"
	case plain.Len() > 0:
		escaped = append([]string{"[" + plain.String() + "]"}, escaped...)
	case len(escaped) == 1:
		return escaped[0]
	}
	return g.rule(strings.Join(escaped, " | "))
}

// classRune writes a character inside square brackets.
func classRune(r rune) string {
	switch {
	case r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z':
		return string(r)
	case r < 0x80:
		return fmt.Sprintf(`\x%02X`, r)
	case r <= 0xFFFF:
		return fmt.Sprintf(`\u%04X`, r)
	}
	return fmt.Sprintf(`\U%08X`, r)
}

var literalEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// quoted is a literal that stands for text.
func quoted(text string) string { return `"` + literalEscapes.Replace(text) + `"` }

// oneOfWords is a choice among words. What words begin with is written once, which keeps long choices fast.
func (g *grammar) oneOfWords(words map[string]bool) string {
	return g.rule(wordTree(slices.Sorted(maps.Keys(words))))
}

// wordTree writes sorted words, none of them twice.
func wordTree(words []string) string {
	var alternatives []string
	optional := len(words) > 0 && words[0] == ""
	if optional {
		words = words[1:]
	}
	for len(words) > 0 {
		first, _ := utf8.DecodeRuneInString(words[0])
		n := slices.IndexFunc(words, func(w string) bool { r, _ := utf8.DecodeRuneInString(w); return r != first })
		if n < 0 {
			n = len(words)
		}
		group := words[:n]
		words = words[n:]
		common := commonPrefix(group[0], group[n-1]) // they are sorted
		alternative := quoted(common)
		if n > 1 {
			rests := make([]string, n)
			for i, w := range group {
				rests[i] = w[len(common):]
			}
			alternative += " ( " + wordTree(rests) + " )"
		}
		alternatives = append(alternatives, alternative)
	}
	if optional {
		alternatives = append([]string{""}, alternatives...)
	}
	return strings.Join(alternatives, " | ")
}

// commonPrefix ends at a whole character.
func commonPrefix(a, b string) string {
	n := 0
	for _, r := range a {
		size := utf8.RuneLen(r)
		if size < 0 || n+size > len(b) || b[n:n+size] != a[n:n+size] {
			break
		}
		n += size
	}
	return a[:n]
}
