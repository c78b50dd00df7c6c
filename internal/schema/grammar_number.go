package schema

import (
	"fmt"
	"math/big"
	"strings"
)

// Numbers are written without an exponent as soon as a rule bounds them, and with at most so many digits.
const (
	maxIntegerDigits = 16
	maxDecimals      = 15
	maxMultiples     = 1000 // most multiples that are listed one by one
	maxDivisor       = 100  // greatest divisor that is told by the digits
)

// bounds is an interval of numbers. A nil end is open for ever; the flags say that the end itself is outside.
type bounds struct {
	low, high               *big.Rat
	lowOutside, highOutside bool
}

func boundsOf(s *object) bounds {
	b := bounds{low: rational(s, "minimum"), high: rational(s, "maximum")}
	if x := rational(s, "exclusiveMinimum"); x != nil && (b.low == nil || x.Cmp(b.low) >= 0) {
		b.low, b.lowOutside = x, true
	}
	if x := rational(s, "exclusiveMaximum"); x != nil && (b.high == nil || x.Cmp(b.high) <= 0) {
		b.high, b.highOutside = x, true
	}
	return b
}

// integers gives the least and the greatest integer inside; nil where there is none.
func (b bounds) integers() (low, high *big.Int) {
	if b.low != nil {
		low = ceil(b.low)
		if b.lowOutside && b.low.IsInt() {
			low.Add(low, big.NewInt(1))
		}
	}
	if b.high != nil {
		high = floor(b.high)
		if b.highOutside && b.high.IsInt() {
			high.Sub(high, big.NewInt(1))
		}
	}
	return low, high
}

func floor(r *big.Rat) *big.Int {
	q, m := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int)) // Euclidean, and the denominator is positive
	_ = m
	return q
}

func ceil(r *big.Rat) *big.Int {
	q := floor(r)
	if !r.IsInt() {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// number translates a schema of integers or of any numbers.
func (g *grammar) number(s *object, integer bool) (string, error) {
	b, step := boundsOf(s), rational(s, "multipleOf")
	if step != nil && step.Sign() <= 0 {
		step = nil
	}
	if integer && step != nil {
		// The multiples that are integers: of n/d in lowest terms, those of n.
		step = new(big.Rat).SetInt(step.Num())
	}
	switch {
	case step != nil && step.Cmp(big.NewRat(1, 1)) != 0:
		return g.multiples(b, step)
	case integer || step != nil:
		if b.low == nil && b.high == nil {
			return g.use("integer"), nil
		}
		low, high := b.integers()
		return g.choice(integerRange(low, high))
	case b.low == nil && b.high == nil:
		return g.use("number"), nil
	}
	return g.choice(decimalRange(b, maxDecimals))
}

// choice is the rule for a list of alternatives, of which there must be one.
func (g *grammar) choice(alternatives []string) (string, error) {
	if len(alternatives) == 0 {
		return "", errNever
	}
	return g.rule(strings.Join(alternatives, " | ")), nil
}

// multiples translates multipleOf.
func (g *grammar) multiples(b bounds, step *big.Rat) (string, error) {
	scaled := bounds{lowOutside: b.lowOutside, highOutside: b.highOutside}
	if b.low != nil {
		scaled.low = new(big.Rat).Quo(b.low, step)
	}
	if b.high != nil {
		scaled.high = new(big.Rat).Quo(b.high, step)
	}
	first, last := scaled.integers()
	if first != nil && last != nil {
		n := new(big.Int).Sub(last, first)
		if n.Sign() < 0 {
			return "", errNever
		}
		if n.IsInt64() && n.Int64() < maxMultiples {
			return g.listMultiples(step, first, int(n.Int64())+1), nil
		}
	}
	places := decimals(step)
	if new(big.Rat).Mul(step, powerOfTen(places)).Cmp(big.NewRat(1, 1)) == 0 && places <= maxDecimals {
		return g.choice(decimalRange(b, places)) // 0.1, 0.01, …
	}
	unbounded := (b.low == nil || b.low.Sign() == 0) && (b.high == nil || b.high.Sign() == 0)
	if unbounded && step.IsInt() && step.Num().Cmp(big.NewInt(maxDivisor)) <= 0 {
		return g.divisible(b, int(step.Num().Int64()))
	}
	// What is left is rare. A thousand multiples from the nearest end, or around zero, are a part of what is allowed.
	switch {
	case first != nil:
		return g.listMultiples(step, first, maxMultiples), nil
	case last != nil:
		return g.listMultiples(step, new(big.Int).Sub(last, big.NewInt(maxMultiples-1)), maxMultiples), nil
	}
	return g.listMultiples(step, big.NewInt(-maxMultiples/2), maxMultiples), nil
}

// listMultiples is a choice among n multiples of step, from the one with the given number.
func (g *grammar) listMultiples(step *big.Rat, first *big.Int, n int) string {
	words := make(map[string]bool, n)
	places := decimals(step)
	v := new(big.Rat).Mul(step, new(big.Rat).SetInt(first))
	for range n {
		text := v.FloatString(places)
		if places > 0 {
			text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
		}
		words[text] = true
		v.Add(v, step)
	}
	return g.oneOfWords(words)
}

// divisible is every integer that n divides, of one sign when the bounds end at zero. A rule for each remainder says
// which digits may follow.
func (g *grammar) divisible(b bounds, n int) (string, error) {
	names := make([]string, n)
	for r := range names {
		names[r] = g.newName()
	}
	digits := func(from, remainder int) []string {
		var list []string
		for d := from; d <= 9; d++ {
			list = append(list, fmt.Sprintf(`"%d" %s`, d, names[(10*remainder+d)%n]))
		}
		return list
	}
	for r := range names {
		body := strings.Join(digits(0, r), " | ")
		if r == 0 {
			body = "| " + body // here the number may end
		}
		g.define(names[r], body)
	}
	positive := "( " + strings.Join(digits(1, 0), " | ") + " )"
	var alternatives []string
	if b.low == nil {
		alternatives = append(alternatives, `"-" `+positive)
	}
	if !b.lowOutside && !b.highOutside {
		alternatives = append(alternatives, `"0"`)
	}
	if b.high == nil {
		alternatives = append(alternatives, positive)
	}
	return g.choice(alternatives)
}

// decimals gives the places that a number needs after the point.
func decimals(r *big.Rat) int {
	n := 0
	for x := new(big.Rat).Set(r); !x.IsInt() && n < 60; n++ {
		x.Mul(x, big.NewRat(10, 1))
	}
	return n
}

func powerOfTen(n int) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
}

// integerRange lists expressions for the integers from low to high; nil is without end.
func integerRange(low, high *big.Int) []string {
	zero, one := new(big.Int), big.NewInt(1)
	var list []string
	if low == nil || low.Sign() < 0 {
		least, most := one, (*big.Int)(nil)
		if high != nil && high.Sign() < 0 {
			least = new(big.Int).Neg(high)
		}
		if low != nil {
			most = new(big.Int).Neg(low)
		}
		for _, e := range naturalRange(least, most) {
			list = append(list, `"-" `+e)
		}
	}
	if high == nil || high.Sign() >= 0 {
		least := zero
		if low != nil && low.Sign() > 0 {
			least = low
		}
		list = append(list, naturalRange(least, high)...)
	}
	return list
}

// naturalRange is integerRange for low ≥ 0: one expression for each number of digits.
func naturalRange(low, high *big.Int) []string {
	if high != nil && low.Cmp(high) > 0 {
		return nil
	}
	from := low.String()
	var list []string
	if high == nil {
		list = append(list, sameLength(from, strings.Repeat("9", len(from))))
		if len(from) < maxIntegerDigits {
			list = append(list, fmt.Sprintf("[1-9] [0-9]{%d,%d}", len(from), maxIntegerDigits-1))
		}
		return list
	}
	to := high.String()
	for n := len(from); n <= len(to); n++ {
		a, b := from, to
		if n > len(from) {
			a = "1" + strings.Repeat("0", n-1)
		}
		if n < len(to) {
			b = strings.Repeat("9", n)
		}
		list = append(list, sameLength(a, b))
	}
	return list
}

// sameLength is an expression for the digit strings from a to b, which are equally long.
func sameLength(a, b string) string {
	n := len(a)
	switch {
	case n == 0:
		return ""
	case a == b:
		return `"` + a + `"`
	case a == strings.Repeat("0", n) && b == strings.Repeat("9", n):
		return fmt.Sprintf("[0-9]{%d}", n)
	case a[0] == b[0]:
		return fmt.Sprintf(`"%c" %s`, a[0], sameLength(a[1:], b[1:]))
	}
	zeros, nines := strings.Repeat("0", n-1), strings.Repeat("9", n-1)
	first, last := a[0], b[0]
	var list []string
	if a[1:] != zeros {
		list = append(list, fmt.Sprintf(`"%c" %s`, first, sameLength(a[1:], nines)))
		first++
	}
	end := ""
	if b[1:] != nines {
		end = fmt.Sprintf(`"%c" %s`, last, sameLength(zeros, b[1:]))
		last--
	}
	if first <= last {
		list = append(list, strings.TrimSpace(fmt.Sprintf("[%c-%c] %s", first, last, sameLength(zeros, nines))))
	}
	if end != "" {
		list = append(list, end)
	}
	return "( " + strings.Join(list, " | ") + " )"
}

// decimalRange lists expressions for the numbers inside bounds with at most so many places after the point.
func decimalRange(b bounds, places int) []string {
	zero := new(big.Rat)
	var list []string
	if b.low == nil || b.low.Sign() < 0 {
		mirror := bounds{low: zero, lowOutside: true} // -0 is no way to write 0
		if b.high != nil && b.high.Sign() < 0 {
			mirror.low, mirror.lowOutside = new(big.Rat).Neg(b.high), b.highOutside
		}
		if b.low != nil {
			mirror.high, mirror.highOutside = new(big.Rat).Neg(b.low), b.lowOutside
		}
		for _, e := range positiveRange(mirror, places) {
			list = append(list, `"-" `+e)
		}
	}
	if b.high == nil || b.high.Sign() >= 0 {
		upper := bounds{low: zero, high: b.high, highOutside: b.highOutside}
		if b.low != nil && b.low.Sign() >= 0 {
			upper.low, upper.lowOutside = b.low, b.lowOutside
		}
		list = append(list, positiveRange(upper, places)...)
	}
	return list
}

// positiveRange is decimalRange for 0 ≤ low: the integer part of low, those in between, and that of high.
func positiveRange(b bounds, places int) []string {
	anyFraction := ""
	if places > 0 {
		anyFraction = fmt.Sprintf(` ( "." [0-9]{1,%d} )?`, places)
	}
	first, low := split(b.low)
	lowEnd := &end{digits: low, outside: b.lowOutside}
	one := big.NewInt(1)
	var list []string
	add := func(whole *big.Int, lowEnd, highEnd *end) {
		if f, ok := fraction(lowEnd, highEnd, places); ok {
			list = append(list, fmt.Sprintf(`"%s"`, whole)+f)
		}
	}
	if b.high == nil {
		add(first, lowEnd, nil)
		for _, e := range naturalRange(new(big.Int).Add(first, one), nil) {
			list = append(list, e+anyFraction)
		}
		return list
	}
	last, high := split(b.high)
	highEnd := &end{digits: high, outside: b.highOutside}
	switch first.Cmp(last) {
	case 1:
		return nil
	case 0:
		add(first, lowEnd, highEnd)
		return list
	}
	add(first, lowEnd, nil)
	for _, e := range naturalRange(new(big.Int).Add(first, one), new(big.Int).Sub(last, one)) {
		list = append(list, e+anyFraction)
	}
	add(last, nil, highEnd)
	return list
}

// split gives the integer part of a number ≥ 0 and the digits after its point, without zeros at the end.
func split(r *big.Rat) (*big.Int, string) {
	_, digits, _ := strings.Cut(r.FloatString(decimals(r)), ".")
	return floor(r), strings.TrimRight(digits, "0")
}

// end is what is left of a bound's digits while all digits so far are equal to its own.
type end struct {
	digits  string
	outside bool
}

func (e *end) digit() byte {
	if e.digits == "" {
		return '0'
	}
	return e.digits[0]
}

func (e *end) next() *end { return &end{digits: e.digits[min(1, len(e.digits)):], outside: e.outside} }

// mayEnd tells whether a number may end here; a nil end does not matter any more.
func mayEnd(low, high *end) bool {
	return (low == nil || low.digits == "" && !low.outside) && (high == nil || high.digits != "" || !high.outside)
}

// fraction is the part of a number from its point on. It reports false when there is none.
func fraction(low, high *end, places int) (string, bool) {
	digits, ok := fractionDigits(low, high, places)
	switch stop := mayEnd(low, high); {
	case ok && stop:
		return ` ( "." ` + digits + " )?", true
	case ok:
		return ` "." ` + digits, true
	default:
		return "", stop
	}
}

// fractionDigits is one to so many digits after the point.
func fractionDigits(low, high *end, places int) (string, bool) {
	if low != nil && low.digits == "" && !low.outside {
		low = nil
	}
	switch {
	case places == 0:
		return "", false
	case low == nil && high == nil:
		return fmt.Sprintf("[0-9]{1,%d}", places), true
	case high != nil && high.digits == "": // only zeros are not too much
		return `"0"`, low == nil && !high.outside
	}
	first, last := byte('0'), byte('9')
	if low != nil {
		first = low.digit()
	}
	if high != nil {
		last = high.digit()
	}
	if first > last {
		return "", false
	}
	var list []string
	add := func(digit byte, low, high *end) {
		more, ok := fractionDigits(low, high, places-1)
		switch stop := mayEnd(low, high); {
		case ok && stop:
			list = append(list, fmt.Sprintf(`"%c" ( %s )?`, digit, more))
		case ok:
			list = append(list, fmt.Sprintf(`"%c" %s`, digit, more))
		case stop:
			list = append(list, fmt.Sprintf(`"%c"`, digit))
		}
	}
	if low != nil && high != nil && first == last {
		add(first, low.next(), high.next())
	} else {
		if low != nil {
			add(first, low.next(), nil)
			first++
		}
		middleEnd := last
		if high != nil {
			middleEnd--
		}
		if first <= middleEnd {
			middle := fmt.Sprintf("[%c-%c]", first, middleEnd)
			if places > 1 {
				middle += fmt.Sprintf(" [0-9]{0,%d}", places-1)
			}
			list = append(list, middle)
		}
		if high != nil {
			add(last, nil, high.next())
		}
	}
	if len(list) == 0 {
		return "", false
	}
	return "( " + strings.Join(list, " | ") + " )", true
}
