package engines

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// addedFile lists the models that the user added.
func (l *Library) addedFile() string { return filepath.Join(l.o.Dir, "models", "added.json") }

// userModels gives what the user added, by id. The file is read again when it has changed, since another process may add to it.
func (l *Library) userModels() []Model {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.addedFile())
	if err != nil {
		return nil
	}
	if info.ModTime().Equal(l.addedAt) {
		return l.added
	}
	models, err := readAdded(l.addedFile())
	if err != nil {
		l.o.Logger.Error("the list of added models cannot be read", "file", l.addedFile(), "error", err)
		return nil
	}
	l.added, l.addedAt = models, info.ModTime()
	return models
}

func readAdded(path string) ([]Model, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var models []Model
	return models, json.Unmarshal(text, &models)
}

// changeAdded rewrites the list of added models; no other process changes it meanwhile.
func (l *Library) changeAdded(change func([]Model) ([]Model, error)) error {
	unlock, err := l.lockFile(context.Background(), l.addedFile(), nil)
	if err != nil {
		return err
	}
	defer unlock()
	models, err := readAdded(l.addedFile())
	if err != nil {
		return fmt.Errorf("%s: %w", l.addedFile(), err)
	}
	if models, err = change(models); err != nil {
		return err
	}
	slices.SortFunc(models, func(a, b Model) int { return cmp.Compare(a.ID, b.ID) })
	text, err := json.MarshalIndent(models, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.addedFile()+".new", append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Rename(l.addedFile()+".new", l.addedFile()); err != nil {
		return err
	}
	l.mu.Lock()
	l.added, l.addedAt = nil, time.Time{} // two changes may come within the clock's resolution
	l.mu.Unlock()
	return nil
}

// remember adds a model that was pulled from the hub to the list, described by its own header.
func (l *Library) remember(m Model) (Model, error) {
	if err := describe(&m, l.file(m)); err != nil {
		return Model{}, errors.Join(err, os.Remove(l.file(m)))
	}
	err := l.changeAdded(func(models []Model) ([]Model, error) {
		if i := slices.IndexFunc(models, func(o Model) bool { return o.Origin == m.Origin }); i >= 0 {
			models = slices.Delete(models, i, i+1)
		}
		if l.taken(models, m.ID) {
			m.ID = m.Origin // long, but only this file's
		}
		return append(models, m), nil
	})
	return m, err
}

// taken says whether an id belongs to another model.
func (l *Library) taken(added []Model, id string) bool {
	same := func(m Model) bool { return m.ID == id }
	return slices.ContainsFunc(l.known.Models, same) || slices.ContainsFunc(added, same)
}

// Added is what a user says of a file; what is zero is taken from the file's header.
type Added struct {
	Kind    string // KindChat or KindEmbedding
	Context int    // tokens that one slot holds
	Slots   int    // answers that are made at the same time
}

// Add makes a GGUF file that lies anywhere on this machine a model, named after the file. The file stays where it is and is
// the user's: Remove forgets it and deletes nothing. A file that is no GGUF file, and a name that is taken, are 400.
func (l *Library) Add(path string, a Added) (Model, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Model{}, err
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return Model{}, apierror.Invalidf("path", "", "There is no file %s.", path)
	}
	name := filepath.Base(path)
	m := Model{
		ID: strings.ToLower(strings.TrimSuffix(name, filepath.Ext(name))), Kind: a.Kind, Engine: LlamaCPP,
		Context: a.Context, Slots: a.Slots, Origin: path, File: path, Size: info.Size(),
	}
	if err := describe(&m, path); err != nil {
		return Model{}, apierror.Invalidf("path", "", "%s is not a model that can be loaded: %v.", path, err)
	}
	if m.SHA256, err = sumFile(path); err != nil {
		return Model{}, err
	}
	return m, l.changeAdded(func(models []Model) ([]Model, error) {
		models = slices.DeleteFunc(models, func(o Model) bool { return o.Origin == path })
		if l.taken(models, m.ID) {
			return nil, apierror.Invalidf("path", "", "There is a model called %s already; give the file another name, or remove that model first.", m.ID)
		}
		return append(models, m), nil
	})
}

// Remove deletes a model's file and what there is of an unfinished pull. A model that the user added is forgotten as well; a file
// that the user added by its path is left alone. An unknown id is 404 model_not_found.
func (l *Library) Remove(id string) error {
	m, ok := l.Model(id)
	if !ok {
		return apierror.ModelNotFound(id)
	}
	if !filepath.IsAbs(m.File) {
		path := l.file(m)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		unlock, err := l.lockFile(ctx, path, nil)
		if errors.Is(err, context.DeadlineExceeded) {
			return apierror.Invalidf("model", "", "The model `%s` is being fetched; stop that first.", id)
		}
		if err != nil {
			return err
		}
		defer unlock()
		for _, f := range []string{path, path + partialSuffix, partsDir(path + partialSuffix)} {
			if err := os.RemoveAll(f); err != nil {
				return err
			}
		}
	}
	if m.Origin == "" {
		return nil
	}
	return l.changeAdded(func(models []Model) ([]Model, error) {
		return slices.DeleteFunc(models, func(o Model) bool { return o.ID == m.ID }), nil
	})
}
