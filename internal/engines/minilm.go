package engines

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// all-MiniLM-L6-v2 is published as safetensors. llama.cpp reads GGUF, so the file is converted when it comes: the same numbers under
// other names, the matrices in half precision. The result is the same to the byte on every machine, which is why it can be
// pinned by its hash.

// convert makes a model's file out of the files of its source, which lie in dir.
func convert(kind, dir, to string) error {
	if kind != "minilm" {
		return fmt.Errorf("the catalogue asks for the unknown conversion %q", kind)
	}
	if err := convertMiniLM(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "vocab.txt"), to); err != nil {
		return fmt.Errorf("conversion to GGUF: %w", err)
	}
	return nil
}

// The types of numbers in a GGUF tensor.
const (
	ggufTensorF32 = 0
	ggufTensorF16 = 1
)

// ggufAlignment is what the place of every tensor in a GGUF file is a multiple of.
const ggufAlignment = 32

// safetensor is one entry of a safetensors header.
type safetensor struct {
	DType   string   `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`

	name string // its name in GGUF
	half bool   // written as float16
}

func convertMiniLM(weights, vocabulary, to string) error {
	vocab, err := os.ReadFile(vocabulary)
	if err != nil {
		return err
	}
	in, err := os.Open(weights)
	if err != nil {
		return err
	}
	defer in.Close()
	tensors, data, err := readSafetensors(in)
	if err != nil {
		return err
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	out := &ggufWriter{w: bufio.NewWriterSize(file, 1<<20)}
	writeMiniLM(out, strings.Split(strings.TrimRight(string(vocab), "\n"), "\n"), tensors)
	for _, t := range tensors {
		out.pad()
		out.tensor(io.NewSectionReader(in, data+t.Offsets[0], t.Offsets[1]-t.Offsets[0]), t.half)
	}
	out.pad()
	if out.err == nil {
		out.err = out.w.Flush()
	}
	return errors.Join(out.err, file.Close())
}

// readSafetensors gives the tensors that a text encoder needs, in the order in which they are written, and where the numbers
// begin in the file.
func readSafetensors(in *os.File) (tensors []safetensor, data int64, err error) {
	var size [8]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, 0, err
	}
	n := binary.LittleEndian.Uint64(size[:])
	if n > ggufStringLimit {
		return nil, 0, errors.New("the weights are no safetensors file")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return nil, 0, err
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, 0, fmt.Errorf("the weights' header: %w", err)
	}
	delete(entries, "__metadata__")
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if name == "embeddings.position_ids" || strings.HasPrefix(name, "pooler.") {
			continue // a list of numbers that the engine counts itself, and a layer that these vectors do not pass
		}
		var t safetensor
		if err := json.Unmarshal(entries[name], &t); err != nil {
			return nil, 0, fmt.Errorf("the weights' header: %s: %w", name, err)
		}
		if t.DType != "F32" {
			return nil, 0, fmt.Errorf("tensor %s has numbers of type %s, wanted F32", name, t.DType)
		}
		if t.name, err = bertName(name); err != nil {
			return nil, 0, err
		}
		t.half = len(t.Shape) == 2 && t.name != "position_embd.weight" && t.name != "token_types.weight"
		tensors = append(tensors, t)
	}
	return tensors, int64(8 + n), nil
}

// bertNames are the names of a BERT encoder's parts in the publisher's files and in GGUF.
var bertNames = strings.NewReplacer(
	"embeddings.word_embeddings.", "token_embd.",
	"embeddings.position_embeddings.", "position_embd.",
	"embeddings.token_type_embeddings.", "token_types.",
	"embeddings.LayerNorm.", "token_embd_norm.",
	"encoder.layer.", "blk.",
	"attention.self.query.", "attn_q.",
	"attention.self.key.", "attn_k.",
	"attention.self.value.", "attn_v.",
	"attention.output.dense.", "attn_output.",
	"attention.output.LayerNorm.", "attn_output_norm.",
	"intermediate.dense.", "ffn_up.",
	"output.dense.", "ffn_down.",
	"output.LayerNorm.", "layer_output_norm.",
)

func bertName(name string) (string, error) {
	renamed := bertNames.Replace(name)
	if !strings.HasPrefix(renamed, "blk.") && !strings.HasPrefix(renamed, "token") && !strings.HasPrefix(renamed, "position_embd.") {
		return "", fmt.Errorf("tensor %s belongs to no part of a BERT encoder", name)
	}
	return renamed, nil
}

// writeMiniLM writes the header: what the model is, its words, and the list of its tensors.
func writeMiniLM(out *ggufWriter, vocab []string, tensors []safetensor) {
	keys := []struct {
		key   string
		value any
	}{
		{"general.architecture", "bert"},
		{"general.name", "all-MiniLM-L6-v2"},
		{"general.license", "apache-2.0"},
		{"general.file_type", uint32(ggufTensorF16)},
		{"bert.context_length", uint32(512)},
		{"bert.embedding_length", uint32(384)},
		{"bert.feed_forward_length", uint32(1536)},
		{"bert.block_count", uint32(6)},
		{"bert.attention.head_count", uint32(12)},
		{"bert.attention.layer_norm_epsilon", float32(1e-12)},
		{"bert.attention.causal", false},
		{"bert.pooling_type", uint32(1)}, // the mean of the tokens' vectors
		{"tokenizer.ggml.token_type_count", uint32(2)},
		{"tokenizer.ggml.model", "bert"},
		{"tokenizer.ggml.pre", "jina-v2-en"},
		{"tokenizer.ggml.bos_token_id", tokenID(vocab, "[CLS]")},
		{"tokenizer.ggml.eos_token_id", tokenID(vocab, "[SEP]")},
		{"tokenizer.ggml.unknown_token_id", tokenID(vocab, "[UNK]")},
		{"tokenizer.ggml.seperator_token_id", tokenID(vocab, "[SEP]")}, // the format's own spelling
		{"tokenizer.ggml.padding_token_id", tokenID(vocab, "[PAD]")},
		{"tokenizer.ggml.mask_token_id", tokenID(vocab, "[MASK]")},
		{"tokenizer.ggml.tokens", spacedTokens(vocab)},
		{"tokenizer.ggml.token_type", tokenTypes(vocab)},
	}
	out.raw([]byte("GGUF"))
	out.value(uint32(3)) // version
	out.value(uint64(len(tensors)))
	out.value(uint64(len(keys)))
	for _, k := range keys {
		out.text(k.key)
		out.typed(k.value)
	}
	var offset uint64
	for _, t := range tensors {
		out.text(t.name)
		out.value(uint32(len(t.Shape)))
		for _, n := range slices.Backward(t.Shape) { // GGUF counts from the innermost dimension
			out.value(n)
		}
		kind, size := uint32(ggufTensorF32), uint64(t.Offsets[1]-t.Offsets[0])
		if t.half {
			kind, size = ggufTensorF16, size/2
		}
		out.value(kind)
		out.value(offset)
		offset += (size + ggufAlignment - 1) / ggufAlignment * ggufAlignment
	}
}

func tokenID(vocab []string, token string) uint32 {
	return uint32(max(slices.Index(vocab, token), 0))
}

var specialTokens = []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}

// spacedTokens rewrites WordPiece tokens to the way the engine looks them up: it is the beginning of a word that is marked, by U+2581,
// and not its continuation.
func spacedTokens(vocab []string) []string {
	tokens := make([]string, len(vocab))
	for i, t := range vocab {
		switch {
		case slices.Contains(specialTokens, t), strings.HasPrefix(t, "[unused"):
			tokens[i] = t
		case strings.HasPrefix(t, "##"):
			tokens[i] = t[2:]
		default:
			tokens[i] = "\u2581" + t
		}
	}
	return tokens
}

// tokenTypes says of each token what it is: 1 normal, 3 control, 5 unused.
func tokenTypes(vocab []string) []int32 {
	types := make([]int32, len(vocab))
	for i, t := range vocab {
		switch {
		case slices.Contains(specialTokens, t):
			types[i] = 3
		case strings.HasPrefix(t, "[unused"):
			types[i] = 5
		default:
			types[i] = 1
		}
	}
	return types
}

// ggufWriter writes values until the first error.
type ggufWriter struct {
	w   *bufio.Writer
	n   int64 // bytes written
	err error
}

func (w *ggufWriter) raw(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
		w.n += int64(len(b))
	}
}

func (w *ggufWriter) value(v any) {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if w.err == nil {
		w.err = err
	}
	w.raw(b)
}

func (w *ggufWriter) text(s string) {
	w.value(uint64(len(s)))
	w.raw([]byte(s))
}

// typed writes a value with its type in front.
func (w *ggufWriter) typed(v any) {
	switch v := v.(type) {
	case string:
		w.value(uint32(ggufString))
		w.text(v)
	case uint32:
		w.value(uint32(ggufUint32))
		w.value(v)
	case float32:
		w.value(uint32(ggufFloat32))
		w.value(v)
	case bool:
		w.value(uint32(ggufBool))
		w.value(v)
	case []string:
		w.value([]uint32{ggufArray, ggufString})
		w.value(uint64(len(v)))
		for _, s := range v {
			w.text(s)
		}
	case []int32:
		w.value([]uint32{ggufArray, ggufInt32})
		w.value(uint64(len(v)))
		w.value(v)
	default:
		w.err = fmt.Errorf("no GGUF type for %T", v)
	}
}

func (w *ggufWriter) pad() {
	if over := w.n % ggufAlignment; over > 0 {
		w.raw(make([]byte, ggufAlignment-over))
	}
}

// tensor copies float32 numbers, halved in size when half is set.
func (w *ggufWriter) tensor(in io.Reader, half bool) {
	buf := make([]byte, 1<<16)
	for w.err == nil {
		n, err := io.ReadFull(in, buf)
		if half {
			for i := 0; i < n/4; i++ {
				f := math.Float32frombits(binary.LittleEndian.Uint32(buf[4*i:]))
				binary.LittleEndian.PutUint16(buf[2*i:], float16(f))
			}
			n /= 2
		}
		w.raw(buf[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err != nil && w.err == nil {
			w.err = err
		}
	}
}

// float16 rounds to half precision, to the even one of two equally near numbers.
func float16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	exponent, mantissa := int(b>>23&0xff)-127, b&0x7fffff
	switch {
	case exponent == 128 && mantissa != 0:
		return sign | 0x7e00 // not a number
	case exponent > 15:
		return sign | 0x7c00 // infinite, or too large
	case exponent < -25:
		return sign
	case exponent < -14: // the result has no leading one
		return sign | roundEven(mantissa|0x800000, uint(-1-exponent))
	}
	// A carry out of the mantissa raises the exponent, up to infinity, which is right.
	return sign + uint16(exponent+15)<<10 + roundEven(mantissa, 13)
}

// roundEven drops the last bits of n.
func roundEven(n uint32, bits uint) uint16 {
	kept, rest, half := n>>bits, n&(1<<bits-1), uint32(1)<<(bits-1)
	if rest > half || rest == half && kept&1 == 1 {
		kept++
	}
	return uint16(kept)
}
