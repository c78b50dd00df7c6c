package engines

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// vectors are what the publisher's weights give in plain float arithmetic; testdata/minilm/record.py made them.
func vectors(t *testing.T) (rows []struct {
	Text   string
	Tokens []int
	Vector []float64
}) {
	t.Helper()
	text, err := os.ReadFile("testdata/minilm/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// The converted model gives the vectors of the original, and cuts texts into the same tokens.
func TestRealMiniLM(t *testing.T) {
	l := realLibrary(t)
	s := NewSupervisor(l, SupervisorOptions{LogDir: t.TempDir(), StartTimeout: time.Minute, Logger: l.o.Logger})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	lease, err := s.Acquire(t.Context(), "all-minilm-l6-v2")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	for _, row := range vectors(t) {
		body, err := json.Marshal(map[string]any{"input": row.Text, "model": "m"})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, lease.URL+"/v1/embeddings", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+lease.Key)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Data  []struct{ Embedding []float64 }
			Usage struct {
				Tokens int `json:"prompt_tokens"`
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil || len(answer.Data) != 1 {
			t.Fatalf("%q: status %d, %v", row.Text, resp.StatusCode, err)
		}
		if c := cosine(answer.Data[0].Embedding, row.Vector); c < 0.9999 {
			t.Errorf("%q: cosine %f to the recorded vector", row.Text, c)
		}
		if answer.Usage.Tokens != len(row.Tokens) {
			t.Errorf("%q: %d tokens, recorded %d", row.Text, answer.Usage.Tokens, len(row.Tokens))
		}
	}
}

func cosine(a, b []float64) float64 {
	var dot, aa, bb float64
	for i := range min(len(a), len(b)) {
		dot, aa, bb = dot+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	if len(a) != len(b) {
		return 0
	}
	return dot / math.Sqrt(aa*bb)
}

// A small safetensors file becomes a GGUF file whose header, order and numbers can be read back.
func TestConvertMiniLM(t *testing.T) {
	dir := t.TempDir()
	tensors := map[string][]float32{
		"embeddings.word_embeddings.weight":             {1, -2, 0.1, 65504, 1e9, 6e-8},
		"encoder.layer.0.output.LayerNorm.bias":         {3, 4},
		"embeddings.position_embeddings.weight":         {5, 6},
		"pooler.dense.bias":                             {7},
		"encoder.layer.0.attention.output.dense.weight": {8, 9},
	}
	shapes := map[string][]int{
		"embeddings.word_embeddings.weight": {3, 2}, "embeddings.position_embeddings.weight": {1, 2},
		"encoder.layer.0.attention.output.dense.weight": {1, 2},
	}
	writeSafetensors(t, filepath.Join(dir, "model.safetensors"), tensors, shapes)
	if err := os.WriteFile(filepath.Join(dir, "vocab.txt"), []byte("[PAD]\n[unused0]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "out.gguf")
	if err := convert("minilm", dir, to); err != nil {
		t.Fatal(err)
	}
	h, err := readGGUFHeader(to)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{
		"bert.embedding_length": 384, "bert.pooling_type": 1, "bert.attention.causal": 0,
		"tokenizer.ggml.bos_token_id": 3, "tokenizer.ggml.unknown_token_id": 2,
	} {
		if got, ok := h.numbers[key]; !ok || got != want {
			t.Errorf("%s = %v, %v; want %v", key, got, ok, want)
		}
	}
	file, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x05\x00\x00\x00\x00\x00\x00\x00[PAD]", "\x05\x00\x00\x00\x00\x00\x00\x00\u2581un", "blk.0.attn_output.weight", "blk.0.layer_output_norm.bias"} {
		if !bytes.Contains(file, []byte(want)) {
			t.Errorf("the file does not contain %q", want)
		}
	}
	name := []byte("token_embd.weight")
	shape := file[bytes.Index(file, name)+len(name):]
	if inner, outer := binary.LittleEndian.Uint64(shape[4:]), binary.LittleEndian.Uint64(shape[12:]); inner != 2 || outer != 3 {
		t.Errorf("the words have %d numbers for %d tokens, want 2 for 3", inner, outer)
	}
	if bytes.Contains(file, []byte("pooler")) {
		t.Error("the pooler is in the file")
	}
	// By the publisher's names in order: positions (f32), words (f16), attention (f16), norm (f32), each at a multiple of 32.
	numbers := file[len(file)-4*32:]
	if got := math.Float32frombits(binary.LittleEndian.Uint32(numbers)); got != 5 {
		t.Errorf("the first position is %v, want 5", got)
	}
	var words []uint16
	for i := range 6 {
		words = append(words, binary.LittleEndian.Uint16(numbers[32+2*i:]))
	}
	if want := []uint16{0x3c00, 0xc000, 0x2e66, 0x7bff, 0x7c00, 0x0001}; !slices.Equal(words, want) {
		t.Errorf("the words are %x, want %x", words, want)
	}
	if got := math.Float32frombits(binary.LittleEndian.Uint32(numbers[3*32+4:])); got != 4 {
		t.Errorf("the last number is %v, want 4", got)
	}
}

func writeSafetensors(t *testing.T, path string, tensors map[string][]float32, shapes map[string][]int) {
	t.Helper()
	header, data := map[string]any{"__metadata__": map[string]string{"format": "pt"}}, []byte{}
	for name, numbers := range tensors {
		begin := len(data)
		data, _ = binary.Append(data, binary.LittleEndian, numbers)
		shape := shapes[name]
		if shape == nil {
			shape = []int{len(numbers)}
		}
		header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{begin, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	if err := os.WriteFile(path, append(append(file, text...), data...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Weights that are not what the conversion expects are refused, not turned into nonsense.
func TestConvertRefuses(t *testing.T) {
	dir := t.TempDir()
	weights, vocab := filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "vocab.txt")
	if err := os.WriteFile(vocab, []byte("[PAD]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want string }{
		{"decoder.block.weight", "no part of a BERT encoder"},
		{"", "no safetensors file"},
	} {
		if c.name == "" {
			if err := os.WriteFile(weights, bytes.Repeat([]byte{0xff}, 64), 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			writeSafetensors(t, weights, map[string][]float32{c.name: {1}}, nil)
		}
		if err := convert("minilm", dir, filepath.Join(dir, "out")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFloat16(t *testing.T) {
	for _, c := range []struct {
		in   float32
		want uint16
	}{
		{0, 0}, {float32(math.Copysign(0, -1)), 0x8000}, {1, 0x3c00}, {-1.5, 0xbe00}, {65504, 0x7bff}, {65519, 0x7bff}, {65520, 0x7c00},
		{float32(math.Inf(-1)), 0xfc00}, {float32(math.NaN()), 0x7e00},
		{1 + 1.0/2048, 0x3c00}, {1 + 3.0/2048, 0x3c02}, // ties go to the even one
		{0x1p-14, 0x0400}, {0x1p-24, 0x0001}, {0x1p-25, 0}, {0x1.8p-25, 1}, {0x1.ffep-15, 0x0400},
	} {
		if got := float16(c.in); got != c.want {
			t.Errorf("float16(%v) = %#x, want %#x", c.in, got, c.want)
		}
	}
}
