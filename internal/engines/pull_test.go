package engines

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/everpoint/everpoint/internal/apierror"
)

func TestFolderPull(t *testing.T) {
	content := noise(5000)
	l := openTiny(t, LibraryOptions{Folder: t.TempDir(), Sources: []string{SourceFolder}}, content)
	theirs := filepath.Join(l.o.Folder, "tiny.gguf")

	_, err := l.Pull(t.Context(), "tiny", nil)
	if e := want503(t, err); !strings.Contains(e.Error(), "there is no tiny.gguf in "+l.o.Folder) {
		t.Errorf("error %v", e)
	}
	write(t, theirs, append(noise(4999), 'x'))
	_, err = l.Pull(t.Context(), "tiny", nil)
	if e := want503(t, err); !strings.Contains(e.Error(), "wrong content") {
		t.Errorf("error %v", e)
	}
	write(t, theirs, content)
	if _, err := l.Pull(t.Context(), "tiny", nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, l, "tiny", content)
	if err := l.Remove("tiny"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("the user's file: %v", err)
	}
}

// The folder may be on another disk, where a link cannot reach.
func TestCopyFile(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	write(t, from, noise(100_000))
	var done int64
	if err := copyFile(t.Context(), from, to, func(n int64) { done = n }); err != nil || done != 100_000 || checkFile(to, 100_000, sum(noise(100_000))) != nil {
		t.Errorf("%v, %d bytes reported", err, done)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := copyFile(ctx, from, to, func(int64) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Sources are tried in the order that is set, and only those.
func TestSourceOrder(t *testing.T) {
	content := noise(5000)
	h := newHub(t, map[string][]byte{"owner/name/tiny.gguf": content})
	hub := Source{Kind: SourceHuggingFace, Repo: "owner/name", Files: []File{{Name: "tiny.gguf"}}}
	asked := 0
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++; h.resolve(w, r) })

	l := openTiny(t, LibraryOptions{HubURL: h.URL, Folder: t.TempDir()}, content, hub)
	if _, err := l.Pull(t.Context(), "tiny", nil); err != nil || asked == 0 {
		t.Errorf("an empty folder, then the hub: %v, %d requests", err, asked)
	}
	asked = 0
	l = openTiny(t, LibraryOptions{HubURL: h.URL, Folder: t.TempDir()}, content, hub)
	write(t, filepath.Join(l.o.Folder, "tiny.gguf"), content)
	if _, err := l.Pull(t.Context(), "tiny", nil); err != nil || asked != 0 {
		t.Errorf("the folder first: %v, %d requests", err, asked)
	}
	l = openTiny(t, LibraryOptions{HubURL: h.URL, Sources: []string{SourcePackages, SourceFolder}}, content, hub)
	_, err := l.Pull(t.Context(), "tiny", nil)
	if e := want503(t, err); !strings.Contains(e.Error(), "none of the sources in use (packages, folder) has it") || asked != 0 {
		t.Errorf("error %v, %d requests", e, asked)
	}
}

func TestOffline(t *testing.T) {
	content := noise(1000)
	l, h := openHub(t, content)
	l.o.Offline = true
	for _, id := range []string{"tiny", "hf:owner/name:sub/tiny q4.gguf"} {
		_, err := l.Pull(t.Context(), id, nil)
		if e := want503(t, err, "everpoint models pull "+id); !strings.Contains(e.Error(), "offline") {
			t.Errorf("error %v", e)
		}
	}
	err := l.InstallEngine(t.Context(), LlamaCPP, true, nil)
	if e := want503(t, err, "everpoint engines install llama.cpp --build"); e.Code != "engine_not_available" {
		t.Errorf("error %v", e)
	}
	if len(h.ranges) > 0 {
		t.Error("the hub was asked")
	}
	if _, err := l.Pull(t.Context(), "other", nil); err == nil || err.(*apierror.Error).Status != http.StatusNotFound {
		t.Errorf("unknown model: %v", err)
	}
}

func TestNotEnoughSpace(t *testing.T) {
	content := noise(5000)
	for _, kind := range []string{SourceHuggingFace, SourcePackages} {
		l, h := openHub(t, content)
		if kind == SourcePackages {
			l, _, _ = openPackages(t, content)
		}
		l.freeSpace = func(string) (int64, error) { return diskReserve + 4999, nil }
		_, err := l.Pull(t.Context(), "tiny", nil)
		e := want503(t, err, "the disk has no room", "everpoint models pull tiny")
		if !strings.Contains(e.Error(), "bytes (0.1 GB) are needed") || !strings.Contains(e.Error(), "67113863") {
			t.Errorf("%s: error %v, want the bytes needed and free", kind, e)
		}
		if len(h.ranges) > 0 {
			t.Errorf("%s: something was fetched", kind)
		}
	}
}

// A disk that fills up during the download is told apart from a broken connection, and not tried again.
func TestDiskFillsUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full is a device of Linux")
	}
	content := noise(5000)
	l, h := openHub(t, content)
	path := l.file(l.known.Models[0])
	if err := os.Symlink("/dev/full", path+partialSuffix); err != nil {
		t.Fatal(err)
	}
	_, err := l.Pull(t.Context(), "tiny", nil)
	if e := want503(t, err, "the disk has no room"); !strings.Contains(e.Error(), "is full; free some space") {
		t.Errorf("error %v", e)
	}
	if len(h.ranges) != 1 {
		t.Errorf("%d requests, want 1", len(h.ranges))
	}
	if _, ok := l.Path("tiny"); ok {
		t.Error("there is a file")
	}
}

// Two callers of one process share a pull; it goes on when one of them leaves.
func TestPullIsJoined(t *testing.T) {
	content := noise(300_000)
	l, h := openHub(t, content)
	arrived, release := make(chan struct{}), make(chan struct{})
	requests := 0
	h.cdn.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		close(arrived)
		<-release
		h.bytes(w, r)
	})
	first, leave := context.WithCancel(t.Context())
	var left, stayed error
	var wg sync.WaitGroup
	wg.Go(func() { _, left = l.Pull(first, "tiny", nil) })
	<-arrived
	var last Progress
	joined := l.board("tiny", func(p Progress) { last = p }) // as a second Pull does first
	leave()
	wg.Wait()
	close(release)
	<-joined.done
	stayed = joined.err
	l.leave("tiny", joined)
	if !errors.Is(left, context.Canceled) || stayed != nil || requests != 1 || last.Done != 300_000 {
		t.Errorf("the one who left got %v, the other one %v and %+v, after %d requests", left, stayed, last, requests)
	}
	wantFile(t, l, "tiny", content)
	if len(l.flights) > 0 {
		t.Error("the pull is still listed")
	}
}

// Another process that holds the lock is waited for, its progress is told, and its file is used.
func TestPullWaitsForAnotherProcess(t *testing.T) {
	content := noise(5000)
	l, h := openHub(t, content)
	path := l.file(l.known.Models[0])
	unlock, err := l.lockFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+partialSuffix, content[:1234])
	_, err = l.Pull(t.Context(), "tiny", func(p Progress) {
		if p.Done != 1234 || p.Total != 5000 {
			t.Errorf("progress %+v", p)
		}
		write(t, path+partialSuffix, content)
		if err := os.Rename(path+partialSuffix, path); err != nil {
			t.Error(err)
		}
		unlock()
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, l, "tiny", content)
	if len(h.ranges) > 0 {
		t.Error("the file was fetched again")
	}
	if unlock, err = l.lockFile(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := l.Remove("tiny"); err == nil || !strings.Contains(err.Error(), "is being fetched") {
		t.Errorf("Remove during a pull: %v", err)
	}
}
