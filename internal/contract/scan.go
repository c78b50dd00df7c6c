package contract

import (
	"bytes"
	"fmt"

	"github.com/everpoint/everpoint/internal/apierror"
)

// maxDepth is how many objects and arrays may enclose a value. It bounds every recursion over a body, here and in
// those who decode it after us.
const maxDepth = 100

// scan tells whether body is one JSON value, nested no deeper than maxDepth. It does not recurse.
func scan(body []byte) *apierror.Error {
	var enclosing [maxDepth]byte // '{' or '['
	depth := 0
	i := space(body, 0)
	for {
		// Here a value begins.
		ok := true
		switch c := peek(body, i); c {
		case '{', '[':
			if depth == maxDepth {
				return apierror.Invalidf("", "", "The JSON body of your request nests deeper than %d levels. Send a flatter one.", maxDepth)
			}
			enclosing[depth] = c
			depth++
			i = space(body, i+1)
			if peek(body, i) != c+2 { // not an empty one; '{'+2 is '}' and '['+2 is ']'
				if c == '{' {
					if i, ok = name(body, i); !ok {
						return unexpected(body, i)
					}
				}
				continue
			}
			depth--
			i++
		case '"':
			if i, ok = quoted(body, i); !ok {
				return unexpected(body, i)
			}
		case 't':
			i, ok = literal(body, i, "true")
		case 'f':
			i, ok = literal(body, i, "false")
		case 'n':
			i, ok = literal(body, i, "null")
		default:
			i, ok = numeral(body, i)
		}
		if !ok {
			return unexpected(body, i)
		}
		// Here a value has ended.
		for {
			i = space(body, i)
			if depth == 0 {
				if i < len(body) {
					return unexpected(body, i)
				}
				return nil
			}
			c := peek(body, i)
			i++
			if c == enclosing[depth-1]+2 {
				depth--
				continue
			}
			if c != ',' {
				return unexpected(body, i-1)
			}
			i = space(body, i)
			if enclosing[depth-1] == '{' {
				if i, ok = name(body, i); !ok {
					return unexpected(body, i)
				}
			}
			break
		}
	}
}

// name reads a member's name, the colon behind it and all space around, and gives where the value begins. Like the
// readers below it gives the place of the fault when it fails.
func name(body []byte, i int) (int, bool) {
	if peek(body, i) != '"' {
		return i, false
	}
	i, ok := quoted(body, i)
	if !ok {
		return i, false
	}
	if i = space(body, i); peek(body, i) != ':' {
		return i, false
	}
	return space(body, i+1), true
}

// quoted reads the string that begins at i.
func quoted(body []byte, i int) (int, bool) {
	for i++; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			return i + 1, true
		case c < ' ':
			return i, false
		case c == '\\':
			i++
			switch peek(body, i) {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; !hex(peek(body, i)) {
						return i, false
					}
				}
			default:
				return i, false
			}
		}
	}
	return i, false
}

func hex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func literal(body []byte, i int, word string) (int, bool) {
	for _, c := range []byte(word) {
		if peek(body, i) != c {
			return i, false
		}
		i++
	}
	return i, true
}

// numeral reads the number that begins at i.
func numeral(body []byte, i int) (int, bool) {
	if peek(body, i) == '-' {
		i++
	}
	if peek(body, i) == '0' {
		i++
	} else {
		var ok bool
		if i, ok = digits(body, i); !ok {
			return i, false
		}
	}
	if peek(body, i) == '.' {
		var ok bool
		if i, ok = digits(body, i+1); !ok {
			return i, false
		}
	}
	if c := peek(body, i); c == 'e' || c == 'E' {
		i++
		if c := peek(body, i); c == '+' || c == '-' {
			i++
		}
		return digits(body, i)
	}
	return i, true
}

// digits reads one digit or more.
func digits(body []byte, i int) (int, bool) {
	start := i
	for c := peek(body, i); '0' <= c && c <= '9'; c = peek(body, i) {
		i++
	}
	return i, i > start
}

// peek gives 0, which no valid JSON holds outside of strings, for a place behind the end.
func peek(body []byte, i int) byte {
	if i < len(body) {
		return body[i]
	}
	return 0
}

func space(body []byte, i int) int {
	for i < len(body) && (body[i] == ' ' || body[i] == '\n' || body[i] == '\t' || body[i] == '\r') {
		i++
	}
	return i
}

// skip gives the place behind the value that begins at i. The body is valid here.
func skip(body []byte, i int) int {
	switch body[i] {
	case '"':
		return skipString(body, i)
	case '{', '[':
		for depth := 0; ; {
			switch body[i] {
			case '"':
				i = skipString(body, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	default:
		for i < len(body) {
			switch body[i] {
			case ',', ']', '}', ' ', '\n', '\t', '\r':
				return i
			}
			i++
		}
		return i
	}
}

func skipString(body []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(body[i:], '"')
		backslashes := 0
		for body[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}

// unexpected is the breach of a body that stops being JSON at i.
func unexpected(body []byte, i int) *apierror.Error {
	if i >= len(body) {
		return unreadable("it ends too early")
	}
	return unreadable(fmt.Sprintf("there is an unexpected %q at byte %d", body[i], i+1))
}

// unreadable is the vendor's answer to what is not JSON, with our reason in it.
func unreadable(reason string) *apierror.Error {
	return apierror.Invalidf("", "", "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your "+
		"HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON: %s.)", reason)
}
