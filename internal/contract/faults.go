package contract

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/contract/schema"
)

// param words the path of the value at hand: messages[0].content.
func (c *checker) param() string { return c.dotted("") }

// dotted words the path with something before each index.
func (c *checker) dotted(before string) string {
	var b strings.Builder
	for i, s := range c.path {
		if s.name == nil {
			b.WriteString(before + "[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.Write(s.name)
	}
	return b.String()
}

// below words the path of a member of the value at hand.
func (c *checker) below(name string) string {
	if len(c.path) == 0 {
		return name
	}
	return c.param() + "." + name
}

func (c *checker) missing(name string) *apierror.Error {
	param := c.below(name)
	return apierror.Invalidf(param, "missing_required_parameter", "Missing required parameter: '%s'.", param)
}

func (c *checker) lateFault(l *schema.Late) *apierror.Error {
	return apierror.Invalidf(c.dotted(".")+"."+l.Param, "", "%s", l.Message)
}

func (c *checker) wrongType(n *node, i int) *apierror.Error {
	return wrongType(c.param(), expected(n), got(c.body, i))
}

func wrongType(param, expected, got string) *apierror.Error {
	return apierror.Invalidf(param, "invalid_type", "Invalid type for '%s': expected %s, but got %s instead.", param, expected, got)
}

// wrongElement is the fault of a first element that none of n's arrays takes.
func (c *checker) wrongElement(n *node, i int) *apierror.Error {
	var all node
	for _, a := range n.arrays {
		all.add(a.items)
	}
	return c.wrongType(&all, i)
}

// wrongTag is the fault of a tag, at i, that is no string.
func (c *checker) wrongTag(n *node, i int) *apierror.Error {
	return wrongType(c.below(n.Tag.Name), "one of "+quotedList(tags(n), "or", 10), got(c.body, i))
}

func (c *checker) unknownTag(n *node, value []byte) *apierror.Error {
	return wrongValue(c.below(n.Tag.Name), value, tags(n))
}

func tags(n *node) []string {
	var values []string
	for _, v := range n.Tag.Values {
		values = append(values, v.Value)
	}
	return values
}

func (c *checker) wrongValue(value []byte, supported []string) *apierror.Error {
	return wrongValue(c.param(), value, supported)
}

func wrongValue(param string, value []byte, supported []string) *apierror.Error {
	return apierror.Invalidf(param, "invalid_value", "Invalid value: '%s'. Supported values are: %s.", short(string(value), 24), quotedList(supported, "and", 0))
}

func (c *checker) noMatch(pattern string) *apierror.Error {
	return apierror.Invalidf(c.param(), "invalid_value",
		"Invalid '%s': string does not match pattern. Expected a string that matches the pattern '%s'.", c.param(), pattern)
}

// tooShort is the fault of a string or an array.
func (c *checker) tooShort(kind string, length, least int) *apierror.Error {
	if length == 0 {
		return apierror.Invalidf(c.param(), "empty_"+kind, "Invalid '%s': empty %s. Expected %s with minimum length %d, but got an empty %s instead.",
			c.param(), kind, article(kind), least, kind)
	}
	return apierror.Invalidf(c.param(), kind+"_below_min_length", "Invalid '%s': %s too short. Expected %s with minimum length %d, but got %s with length %d instead.",
		c.param(), kind, article(kind), least, article(kind), length)
}

// tooLong is the fault of a string or an array.
func (c *checker) tooLong(kind string, length, most int) *apierror.Error {
	return apierror.Invalidf(c.param(), kind+"_above_max_length", "Invalid '%s': %s too long. Expected %s with maximum length %d, but got %s with length %d instead.",
		c.param(), kind, article(kind), most, article(kind), length)
}

func (c *checker) tooMany(count, most int) *apierror.Error {
	return apierror.Invalidf(c.param(), "object_above_max_properties",
		"Invalid '%s': too many properties. Expected an object with at most %d properties, but got an object with %d properties instead.", c.param(), most, count)
}

func (c *checker) longName(name []byte, length, most int) *apierror.Error {
	return apierror.Invalidf(c.below(string(name)), "property_name_above_max_length",
		"Invalid property name in '%s': '%s' is too long. Expected a string with maximum length %d, but got a string with length %d instead.",
		c.param(), short(string(name), 10), most, length)
}

func (c *checker) belowMin(unit string, raw []byte, least float64, above bool) *apierror.Error {
	sign := ">="
	if above {
		sign = ">"
	}
	return apierror.Invalidf(c.param(), unit+"_below_min_value", "Invalid '%s': %s below minimum value. Expected a value %s %s, but got %s instead.",
		c.param(), unit, sign, strconv.FormatFloat(least, 'f', -1, 64), short(string(raw), 40))
}

func (c *checker) aboveMax(unit string, raw []byte, most string) *apierror.Error {
	return apierror.Invalidf(c.param(), unit+"_above_max_value", "Invalid '%s': %s above maximum value. Expected a value <= %s, but got %s instead.",
		c.param(), unit, most, short(string(raw), 40))
}

// got says what kind of value begins at i.
func got(body []byte, i int) string {
	switch body[i] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	if strings.ContainsAny(string(body[i:skip(body, i)]), ".eE") {
		return "a decimal number"
	}
	return "an integer"
}

// add makes n take all that m takes.
func (n *node) add(m *node) {
	n.Bool = n.Bool || m.Bool
	if n.String == nil {
		n.String = m.String
	}
	if n.Number == nil {
		n.Number = m.Number
	}
	n.arrays = append(n.arrays, m.arrays...)
	n.objects = append(n.objects, m.objects...)
}

// expected says what may stand at n. Of several possibilities only the first has its article, as the vendor words it:
// one of a string or array of objects.
func expected(n *node) string {
	if n.Name != "" {
		return n.Name
	}
	var words []string
	if n.String != nil {
		if n.String.Enum != nil {
			words = append(words, "one of "+quotedList(n.String.Enum, "or", 10))
		} else {
			words = append(words, "string")
		}
	}
	if n.Number != nil {
		words = append(words, unit(n.Number))
	}
	if n.Bool {
		words = append(words, "boolean")
	}
	for _, a := range n.arrays {
		words = append(words, "array of "+plural(a.items))
	}
	if len(n.objects) > 0 {
		words = append(words, "object")
	}
	if len(words) == 0 {
		return "null"
	}
	words[0] = article(words[0])
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + enumerate(words, "or")
}

func unit(n *schema.Number) string {
	if n.Integer {
		return "integer"
	}
	return "decimal"
}

// plural says what an array at whose elements' place n stands is made of.
func plural(n *node) string {
	var words []string
	if n.String != nil {
		if n.String.Enum != nil {
			words = append(words, "one of "+quotedList(n.String.Enum, "or", 10))
		} else {
			words = append(words, "strings")
		}
	}
	if n.Number != nil {
		words = append(words, unit(n.Number)+"s")
	}
	if n.Bool {
		words = append(words, "booleans")
	}
	if len(n.arrays) > 0 {
		words = append(words, "arrays")
	}
	if len(n.objects) > 0 {
		words = append(words, "objects")
	}
	if len(words) == 0 {
		return "values"
	}
	return enumerate(words, "or")
}

func article(noun string) string {
	switch {
	case strings.HasPrefix(noun, "one of"):
		return noun
	case strings.HasPrefix(noun, "array"), strings.HasPrefix(noun, "integer"), strings.HasPrefix(noun, "object"):
		return "an " + noun
	default:
		return "a " + noun
	}
}

// quotedList words a list of values: 'a', 'b', and 'c'. Values of more than most characters are shortened; zero
// shortens none.
func quotedList(values []string, word string, most int) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		if most > 0 {
			v = short(v, most)
		}
		quoted[i] = "'" + v + "'"
	}
	return enumerate(quoted, word)
}

func enumerate(words []string, word string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	case 2:
		return fmt.Sprintf("%s %s %s", words[0], word, words[1])
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + ", " + word + " " + words[last]
}

// short keeps the first and the last three characters of what is longer than most, as the vendor does.
func short(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:3]) + "..." + string(r[len(r)-3:])
}
