package engines

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	lib := newLibrary(t, "exit")
	sum := sha256.Sum256([]byte("exit"))
	for id, change := range map[string]func(*Model){
		"a": func(m *Model) { m.SHA256 = hex.EncodeToString(sum[:]) },
		"b": func(m *Model) { m.SHA256 = strings.Repeat("0", 64) },
		"c": func(m *Model) { m.Default, m.Memory = true, 1<<60 },
	} {
		m := lib.models[id]
		change(&m)
		lib.models[id] = m
	}
	lib.missing["c"] = true
	logs := t.TempDir()
	s := newSupervisor(lib, SupervisorOptions{LogDir: logs})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), "a"); err == nil {
		t.Fatal("broken weights were loaded")
	}
	s.Stop()

	// A supervisor that was never started, as the command line has, sees the same as the one that failed.
	for _, s := range []*Supervisor{s, newSupervisor(lib, SupervisorOptions{LogDir: logs})} {
		checks := map[string]Check{}
		for _, c := range s.Doctor(t.Context()) {
			checks[c.Name] = c
			if (c.Outcome == CheckOK) != (c.Advice == "") || c.Detail == "" {
				t.Errorf("%+v", c)
			}
		}
		for name, want := range map[string]struct{ outcome, words string }{
			"disk":          {CheckOK, "free in " + lib.dir},
			"memory":        {CheckWarning, "c needs"},
			"model a":       {CheckOK, lib.path},
			"model b":       {CheckFailed, "everpoint models pull b"},
			"model c":       {CheckWarning, "everpoint models pull c"},
			"last run of a": {CheckWarning, "not within the file bounds"},
		} {
			c, ok := checks[name]
			if !ok || c.Outcome != want.outcome || !strings.Contains(c.Detail+c.Advice+c.Log, want.words) {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}

	lib.noEngine = true
	if c := s.checkEngine(t.Context()); c.Outcome != CheckFailed || !strings.Contains(c.Advice, "engines install llama.cpp") {
		t.Errorf("%+v", c)
	}
	for there, want := range map[bool]string{false: CheckFailed, true: CheckWarning} {
		if c := checkPython(t.Context(), "/nowhere/python", there); c.Outcome != want || c.Advice == "" {
			t.Errorf("%+v", c)
		}
	}
}
