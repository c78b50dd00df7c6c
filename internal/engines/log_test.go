package engines

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogIsBounded(t *testing.T) {
	dir := t.TempDir()
	l := newEngineLog(dir, "a")
	defer l.close()
	line := append(bytes.Repeat([]byte("x"), 99_999), '\n')
	for range 3 * logFileSize / len(line) {
		if n, err := l.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	for _, name := range []string{"a.log", "a.log.1"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() > logFileSize {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v %v", entries, err)
	}
	if len(l.tail) > 2*logTailSize {
		t.Errorf("%d bytes in memory", len(l.tail))
	}
}

func TestLogText(t *testing.T) {
	dir := t.TempDir()
	l := newEngineLog(dir, "a")
	for range logTailSize {
		_, _ = l.Write([]byte("0123456789\n"))
	}
	l.note("%sno such luck", noteFailed)
	l.close()
	// What this process has in memory, and what the next one reads from the file.
	for _, log := range []*engineLog{l, newEngineLog(dir, "a")} {
		text := log.text()
		if !strings.HasPrefix(text, "0123456789\n") || !strings.HasSuffix(text, "no such luck\n") || len(text) > logTailSize {
			t.Errorf("%d bytes: %.20q … %.20q", len(text), text, text[max(0, len(text)-20):])
		}
		if failure := log.lastFailure(); !strings.HasSuffix(failure, "failed: no such luck") {
			t.Errorf("last failure %q", failure)
		}
	}
	again := newEngineLog(dir, "a")
	again.note("%s after 1s", noteReady)
	defer again.close()
	if failure := again.lastFailure(); failure != "" {
		t.Errorf("a failure that is over: %q", failure)
	}
	if text := newEngineLog("", "a").text(); text != "" {
		t.Errorf("log without a file: %q", text)
	}
	if text := newEngineLog(dir, "other").text(); text != "" {
		t.Errorf("log of an engine that never ran: %q", text)
	}
}

func TestLogWithoutAFolder(t *testing.T) {
	l := newEngineLog(filepath.Join(t.TempDir(), "not", "there"), "a")
	if n, err := l.Write([]byte("hello\n")); n != 6 || err != nil {
		t.Errorf("an engine would be stopped by its log: %d %v", n, err)
	}
	if l.text() != "hello\n" {
		t.Errorf("%q", l.text())
	}
}

func TestLogName(t *testing.T) {
	if name := logName("qwen2.5-coder-0.5b"); name != "qwen2.5-coder-0.5b.log" {
		t.Error(name)
	}
	seen := map[string]bool{}
	for _, id := range []string{"hf:a/b:c", "hf:a/b_c", "hf_a_b_c", "../x", "..", "ü"} {
		name := logName(id)
		if strings.ContainsAny(name, "/:") || strings.HasPrefix(name, ".") || seen[name] {
			t.Errorf("%q becomes %q", id, name)
		}
		seen[name] = true
	}
}
