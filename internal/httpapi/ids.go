package httpapi

import "crypto/rand"

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID makes an id of the vendor's form: a prefix and n random base62 characters (wire-facts 7).
func newID(prefix string, n int) string {
	// 248 is the largest multiple of 62 in a byte; bytes above it would favour the first characters.
	const fair = 248
	id := make([]byte, 0, len(prefix)+n)
	id = append(id, prefix...)
	var random [48]byte
	for len(id) < len(prefix)+n {
		_, _ = rand.Read(random[:]) // never fails: crypto/rand crashes the program first
		for _, b := range random {
			if b < fair && len(id) < len(prefix)+n {
				id = append(id, base62[b%62])
			}
		}
	}
	return string(id)
}
