package engines

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// GGUF is the file format of llama.cpp's models: a header of keys and values, a list of tensors, then their numbers. The numbers
// in the header are little-endian.

// The types of values in a GGUF header.
const (
	ggufUint8 = iota
	ggufInt8
	ggufUint16
	ggufInt16
	ggufUint32
	ggufInt32
	ggufFloat32
	ggufBool
	ggufString
	ggufArray
	ggufUint64
	ggufInt64
	ggufFloat64
)

// ggufHeader holds the numbers and strings of a GGUF header. Arrays are left out.
type ggufHeader struct {
	numbers map[string]float64
	strings map[string]string
}

const ggufStringLimit = 16 << 20 // bytes; a longer string means that the file is damaged

// readGGUFHeader reads the keys and values that a GGUF file begins with.
func readGGUFHeader(path string) (h ggufHeader, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	r := &ggufReader{r: bufio.NewReaderSize(f, 1<<16)}
	if magic := r.bytes(4); r.err != nil || string(magic) != "GGUF" {
		return h, errors.New("it is no GGUF file")
	}
	if version := r.uint(4); r.err == nil && version != 2 && version != 3 {
		return h, fmt.Errorf("its GGUF version is %d; versions 2 and 3 are known", version)
	}
	r.uint(8) // number of tensors
	keys := r.uint(8)
	h = ggufHeader{numbers: map[string]float64{}, strings: map[string]string{}}
	for range keys {
		key := r.string()
		switch kind := r.uint(4); kind {
		case ggufString:
			h.strings[key] = r.string()
		case ggufArray:
			r.skipArray()
		default:
			h.numbers[key] = r.number(kind)
		}
		if r.err != nil {
			return h, fmt.Errorf("its GGUF header is damaged: %w", r.err)
		}
	}
	return h, nil
}

// ggufReader reads values until the first error.
type ggufReader struct {
	r   *bufio.Reader
	err error
}

func (r *ggufReader) bytes(n uint64) []byte {
	if r.err == nil && n > ggufStringLimit {
		r.err = fmt.Errorf("a string of %d bytes", n)
	}
	if r.err != nil {
		return nil
	}
	b := make([]byte, n)
	_, r.err = io.ReadFull(r.r, b)
	return b
}

// uint reads an unsigned number of 1, 2, 4 or 8 bytes.
func (r *ggufReader) uint(size uint64) uint64 {
	var b [8]byte
	copy(b[:], r.bytes(size))
	return binary.LittleEndian.Uint64(b[:])
}

func (r *ggufReader) string() string { return string(r.bytes(r.uint(8))) }

// ggufSize is the number of bytes of a number's type, or 0 when the type is no number's.
func ggufSize(kind uint64) uint64 {
	switch kind {
	case ggufUint8, ggufInt8, ggufBool:
		return 1
	case ggufUint16, ggufInt16:
		return 2
	case ggufUint32, ggufInt32, ggufFloat32:
		return 4
	case ggufUint64, ggufInt64, ggufFloat64:
		return 8
	}
	return 0
}

func (r *ggufReader) number(kind uint64) float64 {
	size := ggufSize(kind)
	if size == 0 {
		r.err = errors.Join(r.err, fmt.Errorf("a value of the unknown type %d", kind))
		return 0
	}
	n := r.uint(size)
	switch kind {
	case ggufFloat32:
		return float64(math.Float32frombits(uint32(n)))
	case ggufFloat64:
		return math.Float64frombits(n)
	}
	return float64(n) // sizes and counts, which are never negative
}

func (r *ggufReader) skipArray() {
	kind, n := r.uint(4), r.uint(8)
	if kind == ggufString {
		for i := uint64(0); i < n && r.err == nil; i++ {
			r.discard(r.uint(8))
		}
		return
	}
	size := ggufSize(kind)
	if size == 0 || n > math.MaxInt32 {
		r.err = errors.Join(r.err, fmt.Errorf("an array of %d values of type %d", n, kind))
		return
	}
	r.discard(n * size)
}

func (r *ggufReader) discard(n uint64) {
	if r.err == nil && n > math.MaxInt32 {
		r.err = fmt.Errorf("a value of %d bytes", n)
	}
	if r.err == nil {
		_, r.err = r.r.Discard(int(n))
	}
}

const (
	addedContext = 16384     // tokens per slot that a model added by the user gets at most, as its memory grows with them
	addedSlots   = 2         // answers that such a model makes at the same time
	workMemory   = 256 << 20 // bytes that an engine takes beside the weights and the context, roughly
)

// describe fills in what a model's own header says about it.
func describe(m *Model, path string) error {
	h, err := readGGUFHeader(path)
	if err != nil {
		return err
	}
	arch := h.strings["general.architecture"]
	if arch == "" {
		return errors.New("its header names no architecture")
	}
	number := func(key string) int64 { return int64(h.numbers[arch+"."+key]) }
	if m.Context == 0 {
		m.Context = 4096
		if n := number("context_length"); n > 0 {
			m.Context = int(min(n, addedContext))
		}
	}
	m.Licence = h.strings["general.license"]
	// Models that make vectors say how they pool the vectors of the tokens; those that write do not.
	if m.Kind == "" {
		m.Kind = KindChat
		if _, pools := h.numbers[arch+".pooling_type"]; pools {
			m.Kind = KindEmbedding
		}
	}
	if m.Kind == KindEmbedding {
		m.Slots, m.Dimensions = cmp.Or(m.Slots, 1), int(number("embedding_length"))
		m.Memory = m.Size + workMemory
		return nil
	}
	m.Slots = cmp.Or(m.Slots, addedSlots)
	heads := max(number("attention.head_count"), 1)
	headSize := number("attention.key_length")
	if headSize == 0 {
		headSize = number("embedding_length") / heads
	}
	if kv := number("attention.head_count_kv"); kv > 0 {
		heads = kv
	}
	perToken := number("block_count") * heads * headSize * 2 * 2 // keys and values, 2 bytes each
	m.Memory = m.Size + int64(m.Slots)*int64(m.Context)*perToken + workMemory
	return nil
}
