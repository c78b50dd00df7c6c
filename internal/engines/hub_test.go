package engines

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// fakeHub answers as the Hugging Face hub does for large files: with their SHA-256 and size in its own header and a redirect to
// another host, which knows ranges.
type fakeHub struct {
	*httptest.Server
	cdn      *httptest.Server
	files    map[string][]byte // by owner/name/file
	declared map[string]string // SHA-256 in place of the right one; "" declares none

	mu       sync.Mutex
	cuts     []int // after how many bytes each next answer of the other host is cut
	statuses []int // of the hub's next answers, in place of the right ones
	noRanges bool  // the other host always sends the whole file
	ranges   []string
}

func newHub(t *testing.T, files map[string][]byte) *fakeHub {
	h := &fakeHub{files: files, declared: map[string]string{}}
	h.Server = httptest.NewServer(http.HandlerFunc(h.resolve))
	h.cdn = httptest.NewServer(http.HandlerFunc(h.bytes))
	t.Cleanup(h.Close)
	t.Cleanup(h.cdn.Close)
	return h
}

func (h *fakeHub) resolve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.statuses) > 0 {
		status := h.statuses[0]
		h.statuses = h.statuses[1:]
		w.WriteHeader(status)
		return
	}
	// A repository that was renamed: the hub redirects to itself first.
	if rest, ok := strings.CutPrefix(r.URL.Path, "/old/"); ok {
		http.Redirect(w, r, "/owner/"+rest, http.StatusTemporaryRedirect)
		return
	}
	name := strings.TrimPrefix(strings.Replace(r.URL.Path, "/resolve/main/", "/", 1), "/")
	content, ok := h.files[name]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	hash, other := h.declared[name]
	if !other {
		hash = sum(content)
	}
	if hash != "" {
		w.Header().Set("X-Linked-Etag", `"`+hash+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
	}
	http.Redirect(w, r, h.cdn.URL+"/blob?file="+url.QueryEscape(name), http.StatusFound)
}

func (h *fakeHub) bytes(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	content := h.files[r.URL.Query().Get("file")]
	if r.Method != http.MethodGet { // its addresses are signed for one method
		w.WriteHeader(http.StatusForbidden)
		return
	}
	h.ranges = append(h.ranges, r.Header.Get("Range"))
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && !h.noRanges {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		w.Header().Set("Content-Length", fmt.Sprint(len(content)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		from = 0
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	}
	if len(h.cuts) > 0 {
		cut := h.cuts[0]
		h.cuts = h.cuts[1:]
		_, _ = w.Write(content[from : from+cut])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // closes the connection
	}
	_, _ = w.Write(content[from:])
}

// openHub opens a library that knows "tiny" as a file of a fake hub.
func openHub(t *testing.T, content []byte) (*Library, *fakeHub) {
	h := newHub(t, map[string][]byte{"owner/name/sub/tiny q4.gguf": content})
	l := openTiny(t, LibraryOptions{HubURL: h.URL + "/", Sources: []string{SourceHuggingFace}}, content,
		Source{Kind: SourceHuggingFace, Repo: "owner/name", Files: []File{{Name: "sub/tiny q4.gguf"}}})
	return l, h
}

func TestHubPull(t *testing.T) {
	content := noise(300_000)
	l, h := openHub(t, content)
	var progress []Progress
	m, err := l.Pull(t.Context(), "tiny", func(p Progress) { progress = append(progress, p) })
	if err != nil || m.ID != "tiny" {
		t.Fatal(m, err)
	}
	wantFile(t, l, "tiny", content)
	if last := progress[len(progress)-1]; last != (Progress{Name: "tiny", Done: 300_000, Total: 300_000}) {
		t.Errorf("the last progress is %+v", last)
	}
	h.Close() // a file that is there needs no hub
	if _, err := l.Pull(t.Context(), "tiny", nil); err != nil {
		t.Error(err)
	}
}

func TestHubCutAndResumed(t *testing.T) {
	content := noise(300_000)
	l, h := openHub(t, content)
	h.cuts = []int{100_000, 50_000, 1, 0}
	if _, err := l.Pull(t.Context(), "tiny", nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, l, "tiny", content)
	if got := strings.Join(h.ranges, " "); got != " bytes=100000- bytes=150000- bytes=150001- bytes=150001-" {
		t.Errorf("the ranges asked for are %q", got)
	}
}

// What is there from an earlier run is not fetched again, also when the server sends whole files only.
func TestHubGoesOnFromPartial(t *testing.T) {
	content := noise(300_000)
	for _, noRanges := range []bool{false, true} {
		l, h := openHub(t, content)
		h.noRanges = noRanges
		write(t, l.file(l.known.Models[0])+partialSuffix, content[:200_000])
		if d := l.Disk("tiny"); d.State != DiskPartial || d.Bytes != 200_000 {
			t.Errorf("on disk: %+v", d)
		}
		if _, err := l.Pull(t.Context(), "tiny", nil); err != nil {
			t.Fatal(err)
		}
		wantFile(t, l, "tiny", content)
		if h.ranges[0] != "bytes=200000-" {
			t.Errorf("the range asked for is %q", h.ranges[0])
		}
	}
}

func TestHubGivesUp(t *testing.T) {
	content := noise(1000)
	for name, c := range map[string]struct {
		prepare func(*fakeHub)
		want    string // in the log
		asked   int    // requests to the other host
	}{
		"nothing but cuts": {func(h *fakeHub) { h.cuts = make([]int, 20) }, "EOF", hubTries},
		"missing":          {func(h *fakeHub) { clear(h.files) }, "the hub has no owner/name/sub/tiny q4.gguf", 0},
		"gated":            {func(h *fakeHub) { h.statuses = []int{401} }, "does not give", 0},
		"another file":     {func(h *fakeHub) { h.declared["owner/name/sub/tiny q4.gguf"] = strings.Repeat("ab", 32) }, "declares SHA-256 abab", 1},
		"strange":          {func(h *fakeHub) { h.statuses = []int{418} }, "answered 418", 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, h := openHub(t, content)
			c.prepare(h)
			_, err := l.Pull(t.Context(), "tiny", nil)
			e := want503(t, err, "tiny", "everpoint models pull tiny")
			if e.Code != "model_not_available" || !strings.Contains(e.Error(), c.want) {
				t.Errorf("error %v, want code model_not_available and %q", e, c.want)
			}
			if len(h.ranges) != c.asked {
				t.Errorf("%d requests for bytes, want %d", len(h.ranges), c.asked)
			}
			if _, ok := l.Path("tiny"); ok {
				t.Error("there is a file")
			}
		})
	}
}

// A hub that cannot be reached does not keep the next source waiting.
func TestHubUnreachable(t *testing.T) {
	l, h := openHub(t, noise(1000))
	h.Close()
	l.retryWait = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := l.Pull(ctx, "tiny", nil)
	if e := want503(t, err); !strings.Contains(e.Error(), "refused") {
		t.Errorf("error %v", e)
	}
}

// A busy hub is asked again.
func TestHubBusy(t *testing.T) {
	content := noise(1000)
	l, h := openHub(t, content)
	h.statuses = []int{503, 429}
	if _, err := l.Pull(t.Context(), "tiny", nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, l, "tiny", content)
}

// Wrong bytes never get the model's name, and are not gone on from.
func TestHubWrongHash(t *testing.T) {
	content := noise(1000)
	l, h := openHub(t, content)
	changed := append(noise(999), 'x')
	h.files["owner/name/sub/tiny q4.gguf"] = changed
	h.declared["owner/name/sub/tiny q4.gguf"] = "" // as a server in between that knows no such header
	_, err := l.Pull(t.Context(), "tiny", nil)
	if e := want503(t, err); !strings.Contains(e.Error(), "wrong content: its SHA-256 is "+sum(changed)) {
		t.Errorf("error %v", e)
	}
	if d := l.Disk("tiny"); d.State != DiskMissing {
		t.Errorf("on disk: %+v", d)
	}
}

// A model that the user names is pinned to what the hub declares, described by its header, and remembered.
func TestHubAdd(t *testing.T) {
	content := ggufFile(t, map[string]any{"general.architecture": "qwen2", "qwen2.context_length": 32768})
	embedding := ggufFile(t, map[string]any{"general.architecture": "bert", "bert.pooling_type": 1, "bert.embedding_length": 96})
	longer := append(slices.Clone(content), 'x')
	h := newHub(t, map[string][]byte{"owner/name/Some-Model-Q4.gguf": content, "other/name/some-model-q4.gguf": longer, "owner/vectors/v.gguf": embedding})
	o := LibraryOptions{HubURL: h.URL, Dir: t.TempDir()}
	l := openTiny(t, o, nil)
	h.cuts = []int{50_000}
	m, err := l.Pull(t.Context(), "hf:old/name:Some-Model-Q4.gguf", nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != "some-model-q4" || m.Context != addedContext || m.SHA256 != sum(content) || m.Kind != KindChat {
		t.Errorf("pulled %+v", m)
	}
	wantFile(t, l, "some-model-q4", content)
	l = openTiny(t, o, nil) // another process
	if again, err := l.Pull(t.Context(), "hf:old/name:Some-Model-Q4.gguf", nil); err != nil || again.ID != m.ID || len(l.Models()) != 2 {
		t.Errorf("pulled again: %+v, %v, %d models", again, err, len(l.Models()))
	}
	twin, err := l.Pull(t.Context(), "hf:other/name:some-model-q4.gguf", nil)
	if err != nil || twin.ID != "hf:other/name:some-model-q4.gguf" {
		t.Errorf("a second model of the same name: %+v, %v", twin, err)
	}
	wantFile(t, l, twin.ID, longer)
	if v, err := l.Pull(t.Context(), "hf:owner/vectors:v.gguf", nil); err != nil || v.Kind != KindEmbedding || v.Dimensions != 96 {
		t.Errorf("a model for vectors: %+v, %v", v, err)
	}
	if err := l.Remove("some-model-q4"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(l.o.Dir, "models", m.File)); err == nil || len(l.Models()) != 3 {
		t.Errorf("after Remove: the file is there or %d models are", len(l.Models()))
	}
}

func TestHubAddRefuses(t *testing.T) {
	content := ggufFile(t, map[string]any{"general.architecture": "qwen2"})
	h := newHub(t, map[string][]byte{
		"owner/name/m.gguf": content, "owner/name/undeclared.gguf": content, "owner/name/git.gguf": content,
		"owner/name/wrong.gguf": content, "owner/name/text.gguf": []byte("no model"),
	})
	h.declared["owner/name/undeclared.gguf"] = ""
	h.declared["owner/name/git.gguf"] = strings.Repeat("ab", 20) // a git hash
	h.declared["owner/name/wrong.gguf"] = strings.Repeat("cd", 32)
	l := openTiny(t, LibraryOptions{HubURL: h.URL}, nil)
	for id, c := range map[string]struct {
		status int
		want   string
	}{
		"hf:owner/name:undeclared.gguf":       {503, "declares no SHA-256"},
		"hf:owner/name:git.gguf":              {503, "declares no SHA-256"},
		"hf:owner/name:wrong.gguf":            {503, "wrong content"},
		"hf:owner/name:text.gguf":             {503, "no GGUF file"},
		"hf:owner/name:absent.gguf":           {503, "the hub has no owner/name/absent.gguf"},
		"hf:owner/name:m.safetensors":         {400, "write hf:owner/name:file.gguf"},
		"hf:owner/name:../m.gguf":             {400, "write hf:owner/name:file.gguf"},
		"hf:owner:m.gguf":                     {400, "write hf:owner/name:file.gguf"},
		"hf:../..:m.gguf":                     {400, "write hf:owner/name:file.gguf"},
		"hf:owner/name:m-00001-of-00003.gguf": {400, "several files"},
		"unknown":                             {404, "does not exist"},
	} {
		_, err := l.Pull(t.Context(), id, nil)
		if e, ok := apierror.As(err); !ok || e.Status != c.status || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s: error %v, want status %d and %q", id, err, c.status, c.want)
		}
	}
	left, err := filepath.Glob(filepath.Join(l.o.Dir, "models", "*.gguf"))
	if err != nil || len(left) > 0 || len(l.Models()) != 1 {
		t.Errorf("left behind: %v, %d models, %v", left, len(l.Models()), err)
	}
}

// A pull that nobody waits for any more ends at once and keeps what came.
func TestHubCancelled(t *testing.T) {
	content := noise(300_000)
	l, h := openHub(t, content)
	release := make(chan struct{})
	defer close(release)
	h.cdn.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(content[:100_000])
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Pull(ctx, "tiny", func(p Progress) {
		if p.Done == 100_000 {
			cancel()
		}
	})
	if err != context.Canceled {
		t.Errorf("error %v, want the context's", err)
	}
	if d := l.Disk("tiny"); d.State != DiskPartial || d.Bytes != 100_000 {
		t.Errorf("on disk: %+v", d)
	}
}

// A conversion's files come from the hub too, each by its own pin.
func TestHubConvert(t *testing.T) {
	weights := filepath.Join(t.TempDir(), "model.safetensors")
	writeSafetensors(t, weights, map[string][]float32{"embeddings.LayerNorm.bias": {1, 2}}, nil)
	tensors, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	vocab := []byte("[PAD]\n[CLS]\n")
	to := filepath.Join(t.TempDir(), "want")
	write(t, filepath.Join(filepath.Dir(weights), "vocab.txt"), vocab)
	if err := convert("minilm", filepath.Dir(weights), to); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, map[string][]byte{"owner/name/model.safetensors": tensors, "owner/name/vocab.txt": vocab})
	h.declared["owner/name/vocab.txt"] = ""
	l := openTiny(t, LibraryOptions{HubURL: h.URL, Sources: []string{SourceHuggingFace}}, want, Source{
		Kind: SourceHuggingFace, Repo: "owner/name", Convert: "minilm", Files: []File{
			{Name: "model.safetensors", Size: int64(len(tensors)), SHA256: sum(tensors)}, {Name: "vocab.txt", Size: int64(len(vocab)), SHA256: sum(vocab)},
		},
	})
	var last Progress
	if _, err := l.Pull(t.Context(), "tiny", func(p Progress) { last = p }); err != nil {
		t.Fatal(err)
	}
	wantFile(t, l, "tiny", want)
	if total := int64(len(tensors) + len(vocab)); last.Done != total || last.Total != total {
		t.Errorf("the last progress is %+v, want %d", last, total)
	}
}
