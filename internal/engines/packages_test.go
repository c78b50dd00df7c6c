package engines

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// wheel makes a zip file with the given files.
func wheel(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// parts cuts content into n packages and gives them and their wheels by name.
func parts(t *testing.T, content []byte, n int) (packages []Package, wheels map[string][]byte) {
	t.Helper()
	wheels = map[string][]byte{}
	size := (len(content) + n - 1) / n
	i := 0
	for part := range slices.Chunk(content, size) {
		i++
		name, inside := fmt.Sprintf("part%d", i), fmt.Sprintf("part%d/data.bin", i)
		wheels[name] = wheel(t, map[string][]byte{inside: part, "other.txt": []byte("not this")})
		packages = append(packages, Package{
			Name: name, Version: "1.0", Size: int64(len(wheels[name])), SHA256: sum(wheels[name]),
			Files: []File{{Name: inside, Size: int64(len(part))}},
		})
	}
	return packages, wheels
}

// fakeDownload stands in for pip: it counts the wheels on disk and which were asked for.
type fakeDownload struct {
	wheels map[string][]byte
	fail   map[string]error

	mu     sync.Mutex
	asked  []string
	atOnce int
}

func (f *fakeDownload) download(ctx context.Context, p Package, dir string, onProgress func(int64)) error {
	f.mu.Lock()
	f.asked = append(f.asked, p.Name)
	there, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "*.whl"))
	f.atOnce = max(f.atOnce, len(there)+1)
	f.mu.Unlock()
	if err := f.fail[p.Name]; err != nil {
		return err
	}
	onProgress(p.Size / 2)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, p.Name+"-1.0-py3-none-any.whl"), f.wheels[p.Name], 0o600)
}

func newWheels(t *testing.T, packages []Package, f *fakeDownload) (w *wheels, partial string, progress *[]int64) {
	dir := t.TempDir()
	progress = new([]int64)
	return &wheels{
		packages: packages, dir: filepath.Join(dir, "x.parts"), got: make([]int64, len(packages)), download: f.download,
		report: func(done int64) { *progress = append(*progress, done) },
	}, filepath.Join(dir, "x"+partialSuffix), progress
}

func TestAssemble(t *testing.T) {
	content := noise(100_001)
	packages, wheelFiles := parts(t, content, 7)
	for _, there := range []int{0, 1, 14_286, 14_287, 14_286*3 + 5, 100_001, 100_050} {
		f := &fakeDownload{wheels: wheelFiles}
		w, partial, progress := newWheels(t, packages, f)
		// What is there of a part that is not whole may be anything.
		write(t, partial, append(slices.Clone(content[:min(there, len(content))/14_286*14_286]), make([]byte, there%14_286)...))
		whole := there / 14_286
		if there >= len(content) {
			write(t, partial, append(slices.Clone(content), make([]byte, there-len(content))...))
			whole = 7
		}
		if err := w.assemble(t.Context(), partial); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(partial); err != nil || !bytes.Equal(got, content) {
			t.Errorf("from %d: %d bytes, %v", there, len(got), err)
		}
		if len(f.asked) != 7-whole || f.atOnce > wheelsAtOnce {
			t.Errorf("from %d: %d downloads, %d wheels at once", there, len(f.asked), f.atOnce)
		}
		if !slices.IsSorted(*progress) || whole < 7 && (*progress)[len(*progress)-1] != wheelBytes(packages) {
			t.Errorf("from %d: progress %v of %d", there, *progress, wheelBytes(packages))
		}
		if left, _ := filepath.Glob(filepath.Join(w.dir, "*", "*.whl")); len(left) > 0 {
			t.Errorf("from %d: left behind %v", there, left)
		}
	}
}

// A wheel that an earlier run left behind is used when it is right.
func TestAssembleUsesWheelsThatAreThere(t *testing.T) {
	content := noise(1000)
	packages, wheelFiles := parts(t, content, 3)
	f := &fakeDownload{wheels: wheelFiles}
	w, partial, _ := newWheels(t, packages, f)
	write(t, filepath.Join(w.dir, "part1", "part1-1.0-py3-none-any.whl"), wheelFiles["part1"])
	write(t, filepath.Join(w.dir, "part2", "part2-1.0-py3-none-any.whl"), wheelFiles["part2"][:99])
	if err := w.assemble(t.Context(), partial); err != nil {
		t.Fatal(err)
	}
	slices.Sort(f.asked)
	if !slices.Equal(f.asked, []string{"part2", "part3"}) {
		t.Errorf("asked for %v", f.asked)
	}
	if got, _ := os.ReadFile(partial); !bytes.Equal(got, content) {
		t.Error("the file is wrong")
	}
}

func TestAssembleFails(t *testing.T) {
	content := noise(1000)
	for name, c := range map[string]struct {
		change func(packages []Package, f *fakeDownload)
		want   string
		kept   int64 // bytes of whole parts
	}{
		"download":     {func(_ []Package, f *fakeDownload) { f.fail = map[string]error{"part2": errors.New("no route")} }, "no route", 250},
		"wrong hash":   {func(p []Package, _ *fakeDownload) { p[2].SHA256 = strings.Repeat("0", 64) }, "wrong content", 500},
		"no such part": {func(p []Package, _ *fakeDownload) { p[1].Files = []File{{Name: "absent", Size: 250}} }, "absent", 250},
		"short part":   {func(p []Package, _ *fakeDownload) { p[0].Files = []File{{Name: "other.txt", Size: 250}} }, "8 bytes, wanted 250", 0},
	} {
		t.Run(name, func(t *testing.T) {
			packages, wheelFiles := parts(t, content, 4)
			f := &fakeDownload{wheels: wheelFiles}
			c.change(packages, f)
			w, partial, _ := newWheels(t, packages, f)
			if err := w.assemble(t.Context(), partial); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if info, err := os.Stat(partial); err != nil || info.Size()/250*250 != c.kept {
				t.Errorf("%v bytes are kept, want %d", info.Size(), c.kept)
			}
		})
	}
}

// When the caller leaves, the downloads that run end and nothing new begins.
func TestAssembleCancelled(t *testing.T) {
	packages, _ := parts(t, noise(1000), 9)
	f := &fakeDownload{}
	w, partial, _ := newWheels(t, packages, f)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w.download = func(ctx context.Context, p Package, _ string, _ func(int64)) error {
			f.mu.Lock()
			f.asked = append(f.asked, p.Name)
			f.mu.Unlock()
			<-ctx.Done()
			return ctx.Err()
		}
		done := make(chan error)
		go func() { done <- w.assemble(ctx, partial) }()
		synctest.Wait()
		if len(f.asked) != wheelsAtOnce {
			t.Errorf("%d downloads at once, want %d", len(f.asked), wheelsAtOnce)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if len(f.asked) != wheelsAtOnce {
			t.Errorf("%d downloads after the end", len(f.asked))
		}
	})
}

// stubPython is a program in place of python3. It makes environments whose Python is the same stub, tells the version of the
// pinned pip, and "downloads" wheels from the folder $wheels, telling progress as pip does. What it is called with goes to $log.
const stubPython = `#!/bin/sh
log=%q wheels=%q self=%q
echo "$@" >> "$log"
case "$*" in
"-m venv "*) for dir in "$@"; do :; done; mkdir -p "$dir/bin"; cp "$self" "$dir/bin/python" ;;
"-m pip --version") test -e "$(dirname "$0")/pip" || exit 1; echo "pip 26.0.1 from here (python 3)" ;;
"-m pip install "*) touch "$(dirname "$0")/pip" ;;
*" install "*) ;;
"-c import xllamacpp") ;;
"-m pip download "*)
  while [ "$1" != --dest ]; do [ "$1" = -r ] && requirements=$2; shift; done
  dest=$2
  name=$(sed 's/==.*//' "$requirements")
  grep -q -- "--hash=sha256:$(sha256sum "$wheels/$name.whl" | cut -d' ' -f1)" "$requirements" || { echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"; exit 1; }
  echo "Progress 0 of 100"; echo "Progress 60 of 100"
  test -e "$wheels/hang" && { sleep 100000 & echo $! > "$wheels/pid"; echo "Progress 70 of 100"; wait; }
  test -e "$wheels/full" && { echo "ERROR: [Errno 28] No space left on device"; exit 1; }
  cp "$wheels/$name.whl" "$dest/$name-1.0-py3-none-any.whl" ;;
*) exit 9 ;;
esac
`

// openPackages opens a library whose Python is a stub and which knows "tiny" as the parts of packages.
func openPackages(t *testing.T, content []byte) (l *Library, wheelDir, log string) {
	t.Helper()
	dir := t.TempDir()
	wheelDir, log = filepath.Join(dir, "wheels"), filepath.Join(dir, "log")
	python := filepath.Join(dir, "python3")
	write(t, python, fmt.Appendf(nil, stubPython, log, wheelDir, python))
	if err := os.Chmod(python, 0o700); err != nil {
		t.Fatal(err)
	}
	packages, wheels := parts(t, content, 4)
	for name, file := range wheels {
		write(t, filepath.Join(wheelDir, name+".whl"), file)
	}
	l = openTiny(t, LibraryOptions{Python: python, Sources: []string{SourcePackages}}, content, Source{Kind: SourcePackages, Packages: packages})
	return l, wheelDir, log
}

func TestPackagesPull(t *testing.T) {
	content := noise(5000)
	l, _, log := openPackages(t, content)
	var last Progress
	if _, err := l.Pull(t.Context(), "tiny", func(p Progress) { last = p }); err != nil {
		t.Fatal(err)
	}
	wantFile(t, l, "tiny", content)
	if total := wheelBytes(l.known.Models[0].Sources[0].Packages); last != (Progress{Name: "tiny", Done: total, Total: total}) {
		t.Errorf("the last progress is %+v, want %d", last, total)
	}
	calls, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for word, n := range map[string]int{"-m venv": 1, "pip install": 1, "pip download": 4, "--require-hashes": 5, "--only-binary :all:": 5} {
		if got := strings.Count(string(calls), word); got != n {
			t.Errorf("%d calls with %q, want %d:\n%s", got, word, n, calls)
		}
	}
	// The environment is there now and is used again.
	if err := l.Remove("tiny"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Pull(t.Context(), "tiny", nil); err != nil {
		t.Fatal(err)
	}
	if calls, _ = os.ReadFile(log); strings.Count(string(calls), "-m venv") != 1 {
		t.Errorf("the environment was made again:\n%s", calls)
	}
}

func TestPackagesFail(t *testing.T) {
	content := noise(5000)
	for name, c := range map[string]struct {
		prepare func(l *Library, wheels string)
		want    string
	}{
		"wrong wheel": {func(_ *Library, wheels string) { write(t, filepath.Join(wheels, "part3.whl"), []byte("no")) }, "DO NOT MATCH THE HASHES"},
		"wrong whole": {func(l *Library, _ string) { l.known.Models[0].SHA256 = strings.Repeat("0", 64) }, "wrong content"},
		"no python":   {func(l *Library, _ string) { l.o.Python = "no-such-python" }, "install Python 3 with venv"},
		"full disk":   {func(_ *Library, wheels string) { write(t, filepath.Join(wheels, "full"), nil) }, "is full; free some space"},
	} {
		t.Run(name, func(t *testing.T) {
			l, wheels, _ := openPackages(t, content)
			c.prepare(l, wheels)
			_, err := l.Pull(t.Context(), "tiny", nil)
			if e := want503(t, err); e.Code != "model_not_available" || !strings.Contains(e.Error(), c.want) {
				t.Errorf("error %v, want %q", e, c.want)
			}
			if _, ok := l.Path("tiny"); ok {
				t.Error("there is a file")
			}
		})
	}
}

// pip ends, with all that it started, when nobody waits for the pull any more.
func TestPackagesCancelled(t *testing.T) {
	l, wheels, _ := openPackages(t, noise(5000))
	write(t, filepath.Join(wheels, "hang"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Pull(ctx, "tiny", func(p Progress) {
		if p.Done >= 70 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	text, err := os.ReadFile(filepath.Join(wheels, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
}

func TestLines(t *testing.T) {
	var seen []int64
	w := &lines{onLine: func(line string) bool {
		n, ok := pipProgress(line)
		if ok {
			seen = append(seen, n)
		}
		return ok
	}}
	for range 100 {
		_, _ = w.Write([]byte("old\n"))
	}
	for _, s := range []string{"Prog", "ress 5 of 9\r\nProgress 6", " of 9\nProgress is slow\nProgress x of y\nlast"} {
		if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !slices.Equal(seen, []int64{5, 6}) {
		t.Errorf("progress %v", seen)
	}
	if text := w.text(); !strings.HasSuffix(text, "old\nProgress is slow\nProgress x of y\nlast") || strings.Count(text, "\n") != linesKept {
		t.Errorf("kept %q", text)
	}
}
