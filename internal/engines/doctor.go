package engines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The values of Check.Outcome.
const (
	CheckOK      = "ok"
	CheckWarning = "warning"
	CheckFailed  = "failed"
)

// Check is one thing that Doctor looked at.
type Check struct {
	Name    string // what was looked at
	Outcome string // CheckOK, CheckWarning or CheckFailed
	Detail  string // what was found
	Advice  string // what to do about it; empty when nothing is to be done
	Log     string // end of the engine's log, where it explains the outcome
}

const (
	probeLimit = 30 * time.Second // for running an engine or Python once
	lowDisk    = 2 << 30          // bytes; the default models take about 1.7 GB
)

// Doctor looks at everything that a local model needs and says what is wrong. It may be called on a Supervisor that was
// never started, as the command line does: logs of earlier processes are read from the log folder. It reads every model
// file from end to end, so it takes some seconds.
func (s *Supervisor) Doctor(ctx context.Context) []Check {
	o := s.lib.options()
	checks := []Check{s.checkEngine(ctx), checkPython(ctx, o.Python, s.hasEngine()), checkDisk(o.Dir), s.checkMemory()}
	for _, m := range s.lib.Models() {
		if check, ok := s.checkModel(ctx, m); ok {
			checks = append(checks, check)
		}
		log := newEngineLog(s.o.LogDir, m.ID)
		s.mu.Lock()
		if e := s.engines[m.ID]; e != nil {
			log = e.log
		}
		s.mu.Unlock()
		if failure := log.lastFailure(); failure != "" {
			checks = append(checks, Check{
				Name: "last run of " + m.ID, Outcome: CheckWarning, Detail: failure, Log: log.text(),
				Advice: "Read the end of the log. If the file is damaged, run `everpoint models pull " + m.ID + "`.",
			})
		}
	}
	return checks
}

func (s *Supervisor) hasEngine() bool {
	_, ok := s.lib.Engine(LlamaCPP)
	return ok
}

func (s *Supervisor) checkEngine(ctx context.Context) Check {
	const install = "Run `everpoint engines install llama.cpp`."
	check := Check{Name: "engine " + LlamaCPP, Outcome: CheckFailed}
	command, ok := s.lib.Engine(LlamaCPP)
	if !ok {
		check.Detail, check.Advice = "not installed", install
		return check
	}
	args := []string{"--version"}
	if command.Kind == EngineXllamaCPP {
		args = []string{"-I", "-c", "import xllamacpp; print(xllamacpp.__version__)"}
	}
	check.Detail = fmt.Sprintf("%s %s (%s)", command.Kind, command.Version, command.Path)
	if output, err := probe(ctx, command.Path, args...); err != nil {
		check.Detail += " does not run: " + err.Error()
		check.Advice, check.Log = install, output
		return check
	}
	check.Outcome = CheckOK
	return check
}

// checkPython looks for the Python that makes managed environments. Without it an engine that is there still runs.
func checkPython(ctx context.Context, python string, engineThere bool) Check {
	if python == "" {
		python = "python3"
	}
	check := Check{Name: "Python", Outcome: CheckOK}
	output, err := probe(ctx, python, "-c", "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3], sys.executable)")
	if err == nil {
		check.Detail = strings.TrimSpace(output)
		return check
	}
	check.Outcome = CheckFailed
	if engineThere {
		check.Outcome = CheckWarning
	}
	check.Detail = fmt.Sprintf("%s with the modules venv and ensurepip does not run: %v", python, err)
	check.Advice = "Install Python 3.10 or later with venv (Debian and Ubuntu: apt install python3-venv), or put llama-server on the PATH."
	return check
}

func checkDisk(dir string) Check {
	check := Check{Name: "disk", Outcome: CheckOK}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		check.Outcome, check.Detail = CheckWarning, fmt.Sprintf("the free space of %s is unknown: %v", dir, err)
		return check
	}
	free := int64(stat.Bavail) * int64(stat.Bsize)
	check.Detail = fmt.Sprintf("%s free in %s", gigabytes(free), dir)
	if free < lowDisk {
		check.Outcome, check.Advice = CheckWarning, "Make room: delete models that you do not use with `everpoint models rm`."
	}
	return check
}

func (s *Supervisor) checkMemory() Check {
	total, available := machineMemory()
	check := Check{Name: "memory", Outcome: CheckOK}
	if total == 0 {
		check.Outcome, check.Detail = CheckWarning, "unknown"
		return check
	}
	check.Detail = fmt.Sprintf("%s in all, engines may use %s", gigabytes(total), gigabytes(s.budget))
	if available > 0 {
		check.Detail = fmt.Sprintf("%s free of %s, engines may use %s", gigabytes(available), gigabytes(total), gigabytes(s.budget))
	}
	for _, m := range s.lib.Models() {
		if m.Default && footprint(m) > s.budget {
			check.Outcome = CheckWarning
			check.Advice = fmt.Sprintf("%s needs %s. Use a smaller model, or allow engines more memory in the configuration.", m.ID, gigabytes(footprint(m)))
		}
	}
	return check
}

// checkModel tells whether the model's file is whole. A model that is not on disk is worth a line only if it is a default.
func (s *Supervisor) checkModel(ctx context.Context, m Model) (Check, bool) {
	check := Check{Name: "model " + m.ID, Outcome: CheckOK}
	pull := "Run `everpoint models pull " + m.ID + "`."
	path, ok := s.lib.Path(m.ID)
	if !ok {
		check.Outcome, check.Detail, check.Advice = CheckWarning, "not fetched yet", pull
		return check, m.Default
	}
	sum, err := fileSum(ctx, path)
	switch {
	case err != nil:
		check.Outcome, check.Detail, check.Advice = CheckFailed, "cannot be read: "+err.Error(), pull
	case m.SHA256 != "" && sum != m.SHA256:
		check.Outcome, check.Detail, check.Advice = CheckFailed, path+" is damaged: its SHA-256 is "+sum+" and should be "+m.SHA256, pull
	default:
		check.Detail = fmt.Sprintf("%s, %s", path, gigabytes(m.Size))
	}
	return check, true
}

// fileSum gives the SHA-256 of a file in hex.
func fileSum(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	for ctx.Err() == nil {
		if _, err := io.CopyN(sum, file, 64<<20); errors.Is(err, io.EOF) {
			return hex.EncodeToString(sum.Sum(nil)), nil
		} else if err != nil {
			return "", err
		}
	}
	return "", ctx.Err()
}

// probe runs a program that should end soon, and gives what it printed.
func probe(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = engineEnvironment(cmd.Environ())
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// options lets the supervisor's Doctor see where the library keeps and gets things.
func (l *Library) options() LibraryOptions { return l.o }
