// Package contract checks request bodies against the API's published contract and words each breach as the vendor does.
//
// The rules are in requests.json, which gen derives from the contract (testdata/openai-openapi.yaml) and from the few
// corrections of gen/patches.go. A body is read twice: scan proves that it is JSON, not too deep; check walks it along
// the rules. Neither builds a tree, so a check costs no memory that grows with the body.
package contract

//go:generate go run ./gen

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/everpoint/everpoint/internal/apierror"
)

// Check tells whether body is a valid JSON request body of the operation named by its operationId.
//
// A breach is an *apierror.Error with status 400. Null for an optional member is the same as its absence, names that
// the contract does not know are tolerated inside nested objects, and a number with a zero fraction (5.0) is an integer.
//
// The names of top-level members that the contract does not know are not breaches: they come back sorted in unknown,
// and the caller decides. Beside an error they come back too, except when a top-level member is missing: the vendor
// reports what is missing first, what is unknown next and all else last.
//
// An operationId without a JSON request body in the contract is a programming error and gives an error of another type.
func Check(operationID string, body []byte) (unknown []string, err error) {
	rules := loaded()
	op, ok := rules.operations[operationID]
	if !ok {
		return nil, fmt.Errorf("contract: no operation %q with a JSON request body", operationID)
	}
	if !utf8.Valid(body) {
		return nil, unreadable("it is not valid UTF-8")
	}
	start := space(body, 0)
	if start == len(body) && op.optional {
		return nil, nil
	}
	if fault := scan(body); fault != nil {
		return nil, fault
	}
	if body[start] != '{' {
		return nil, apierror.Invalidf("", "invalid_type", "Invalid type for the request body: expected an object, but got %s instead.", got(body, start))
	}
	c := checker{body: body}
	c.path = c.room[:0]
	_, fault := c.value(op.node, start)
	if fault == nil {
		fault = c.late
	}
	slices.Sort(c.unknown)
	unknown = slices.Compact(c.unknown)
	if fault != nil {
		return unknown, fault
	}
	return unknown, nil
}

// Integers gives the body with the integers that are written like 5.0 or 1e2 written like 5 or 100 instead, for a
// decoder that insists on it. The body must have passed Check for the operation; where nothing is to be changed, and
// that is the rule, it comes back as it is.
func Integers(operationID string, body []byte) []byte {
	op, ok := loaded().operations[operationID]
	start := space(body, 0)
	if !ok || start == len(body) {
		return body
	}
	c := checker{body: body, collect: true}
	c.path = c.room[:0]
	if _, fault := c.value(op.node, start); fault != nil || len(c.whole) == 0 {
		return body
	}
	slices.SortFunc(c.whole, func(a, b [2]int) int { return a[0] - b[0] })
	var out []byte
	done := 0
	for _, span := range slices.Compact(c.whole) { // what several candidates of a union looked at is there several times
		value, _ := parse(body[span[0]:span[1]]) // it was parsed before, and is within an int64
		out = append(out, body[done:span[0]]...)
		out = strconv.AppendInt(out, int64(value), 10)
		done = span[1]
	}
	return append(out, body[done:]...)
}
