package fakeengine

import (
	"fmt"
	"hash/fnv"
	"sync"
)

// isSpace is about ASCII alone, which is enough for scripts and keeps counting fast.
func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// next gives the length of the first token of text: spaces, then what is no space. Spaces at the very end are a token of
// their own.
func next(text string) int {
	i := 0
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	for i < len(text) && !isSpace(text[i]) {
		i++
	}
	return i
}

// split cuts text into tokens, which joined give it back.
func split(text string) []string {
	var tokens []string
	for text != "" {
		n := next(text)
		tokens = append(tokens, text[:n])
		text = text[n:]
	}
	return tokens
}

// count is len(split(text)).
func count(text string) int {
	n := 0
	for text != "" {
		text = text[next(text):]
		n++
	}
	return n
}

// repeat gives n tokens by going round.
func repeat(tokens []string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = tokens[i%len(tokens)]
		if i >= len(tokens) && i%len(tokens) == 0 && !isSpace(out[i][0]) {
			out[i] = " " + out[i]
		}
	}
	return out
}

// vocabulary remembers the words behind the numbers that it gave out. A number depends on its word alone, so that two
// engines number alike.
type vocabulary struct {
	mu    sync.Mutex
	words map[int]string
}

// number gives a word its number, 31 bits of a hash.
func (v *vocabulary) number(word string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(word)) // never fails
	n := int(h.Sum32() >> 1)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.words == nil {
		v.words = map[int]string{}
	}
	v.words[n] = word
	return n
}

// word gives the word of a number; one that was never given out makes up a word.
func (v *vocabulary) word(n int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if w, ok := v.words[n]; ok {
		return w
	}
	return fmt.Sprintf(" token%d", n)
}
