package engines

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	logFileSize = 5 << 20  // a log file that has grown to this many bytes is put aside as .1, and the .1 before it is dropped
	logTailSize = 16 << 10 // bytes of the log's end that are shown
)

// engineLog is where everything goes that an engine prints. It keeps the end in memory, so that there is something to
// show when the disk is full or no folder was given.
type engineLog struct {
	path string // empty: memory only

	mu   sync.Mutex
	file *os.File
	size int64
	tail []byte
	cut  bool // tail begins in the middle of a line
}

// newEngineLog makes the log of one model. The file is opened by the first write.
func newEngineLog(dir, model string) *engineLog {
	if dir == "" {
		return &engineLog{}
	}
	return &engineLog{path: filepath.Join(dir, logName(model))}
}

var notInFileNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// logName makes a file name of a model's id. Ids such as hf:owner/name:file hold characters that file names cannot, so
// what was replaced is told apart by a piece of the id's hash.
func logName(model string) string {
	name := notInFileNames.ReplaceAllString(model, "_")
	if name != model || strings.HasPrefix(name, ".") {
		sum := sha256.Sum256([]byte(model))
		name = strings.TrimLeft(name, ".") + "-" + hex.EncodeToString(sum[:4])
	}
	return name + ".log"
}

// Write never fails: an engine must not stop because its log cannot be written.
func (l *engineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if len(l.tail) > 2*logTailSize { // cut only now and then: each cut copies
		l.tail, l.cut = append(l.tail[:0], l.tail[len(l.tail)-logTailSize:]...), true
	}
	l.writeFile(p)
	return len(p), nil
}

func (l *engineLog) writeFile(p []byte) {
	if l.path == "" {
		return
	}
	if l.file != nil && l.size+int64(len(p)) > logFileSize {
		_ = l.file.Close()
		l.file = nil
		_ = os.Rename(l.path, l.path+".1")
	}
	if l.file == nil {
		file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return
		}
		l.file, l.size = file, 0
		if stat, err := file.Stat(); err == nil {
			l.size = stat.Size()
		}
	}
	n, _ := l.file.Write(p)
	l.size += int64(n)
}

// What doctor looks for in the log.
const (
	noteReady  = "ready"
	noteFailed = "failed: "
)

// note adds a line of our own, such as how the process ended.
func (l *engineLog) note(format string, args ...any) {
	_, _ = fmt.Fprintf(l, "everpoint: %s %s\n", time.Now().UTC().Format(time.RFC3339), fmt.Sprintf(format, args...))
}

// lastFailure gives the line that says why the engine failed last; empty when it got ready since.
func (l *engineLog) lastFailure() string {
	failure := ""
	for line := range strings.Lines(l.text()) {
		_, note, ours := strings.Cut(line, "everpoint: ")
		_, note, dated := strings.Cut(note, " ")
		switch {
		case !ours || !dated:
		case strings.HasPrefix(note, noteFailed):
			failure = strings.TrimSpace(line)
		case strings.HasPrefix(note, noteReady):
			failure = ""
		}
	}
	return failure
}

// text gives the end of the log in whole lines: of this process's engines if there were any, else of the file that an
// earlier process left.
func (l *engineLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == 0 && l.path != "" {
		return fileTail(l.path)
	}
	return lastLines(l.tail, l.cut || len(l.tail) > logTailSize)
}

func (l *engineLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

func fileTail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	start, err := file.Seek(-logTailSize, io.SeekEnd)
	if err != nil { // shorter than that
		start, err = file.Seek(0, io.SeekStart)
	}
	end, readErr := io.ReadAll(file)
	if errors.Join(err, readErr) != nil {
		return ""
	}
	return lastLines(end, start > 0)
}

// lastLines cuts text to the size that is shown, and the first line away where it is only the rest of one.
func lastLines(text []byte, cut bool) string {
	if len(text) > logTailSize {
		text = text[len(text)-logTailSize:]
	}
	if _, rest, found := bytes.Cut(text, []byte("\n")); cut && found {
		text = rest
	}
	return string(text)
}
