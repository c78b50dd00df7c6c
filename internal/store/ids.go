package store

import (
	"crypto/rand"
	"time"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID makes the id of a new row: prefix, which ends in an underscore, and 24 random characters.
func newID(prefix string) string { return prefix + randomBase62(24) }

// randomBase62 gives n characters of 5.95 bits each.
func randomBase62(n int) string {
	text := make([]byte, 0, n)
	var block [64]byte
	for len(text) < n {
		_, _ = rand.Read(block[:]) // never fails: it would end the program
		for _, b := range block {
			// 248 is the largest multiple of 62 in a byte; what lies above would make the first characters likelier.
			if b < 248 && len(text) < n {
				text = append(text, base62[b%62])
			}
		}
	}
	return string(text)
}

// now is the present time as the databases keep it, in whole milliseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// fromMillis reads a time from a column.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
