package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/everpoint/everpoint/internal/engines"
)

type modelsCmd struct {
	List modelsListCmd `cmd:"" help:"List the models of the catalogue and those that were added."`
	Pull modelsPullCmd `cmd:"" help:"Fetch models: the default ones, or those named."`
	Rm   modelsRmCmd   `cmd:"" help:"Delete a model's file."`
	Show modelsShowCmd `cmd:"" help:"Print all that is known about a model."`
}

// modelRecord is a model for programs.
type modelRecord struct {
	engines.Model
	Installed bool   `json:"installed"`
	Path      string `json:"path,omitempty"`
}

func newModelRecord(lib *engines.Library, m engines.Model) modelRecord {
	path, ok := lib.Path(m.ID)
	return modelRecord{Model: m, Installed: ok, Path: path}
}

type modelsListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a row for each model.
func (c *modelsListCmd) Run(a *app) error {
	lib, _, err := a.library(a.Err)
	if err != nil {
		return err
	}
	records := []modelRecord{}
	rows := [][]string{{"MODEL", "KIND", "SIZE", "LICENCE", "INSTALLED"}}
	for _, m := range lib.Models() {
		r := newModelRecord(lib, m)
		records = append(records, r)
		installed := "no"
		if r.Installed {
			installed = "yes"
		}
		rows = append(rows, []string{m.ID, m.Kind, size(m.Size), dash(m.Licence), installed})
	}
	if c.JSON {
		return a.json(records)
	}
	return a.table(rows)
}

type modelsPullCmd struct {
	Models []string `arg:"" optional:"" name:"model" help:"An id of the catalogue, or hf:owner/name:file. Default: the default chat and embedding models."`
	Small  bool     `help:"Of the default models, take the small chat model."`
}

// Run fetches one model after the other: each then has the whole line, and the first is usable soonest.
func (c *modelsPullCmd) Run(ctx context.Context, a *app) error {
	shown := newProgress(a.Out)
	defer shown.finish()
	lib, conf, err := a.library(shown)
	if err != nil {
		return err
	}
	ids := c.Models
	if len(ids) == 0 {
		if ids, err = defaultModels(lib, conf, c.Small); err != nil {
			return err
		}
	} else if c.Small {
		return usagef("--small chooses among the default models; leave it out when you name models")
	}
	for _, id := range ids { // all of them before the first is fetched
		if _, ok := lib.Model(id); !ok && !strings.HasPrefix(id, "hf:") {
			return noModel(id)
		}
	}
	for _, id := range ids {
		if path, ok := lib.Path(id); ok {
			shown.printf("%s: here already (%s)\n", id, path)
			continue
		}
		m, err := lib.Pull(ctx, id, shown.update)
		if err != nil {
			return fmt.Errorf("cannot fetch the model %s: %w", id, err)
		}
		shown.printf("%s: ready\n", m.ID)
	}
	return nil
}

type modelsRmCmd struct {
	Models []string `arg:"" name:"model" help:"Ids, as everpoint models list shows them."`
}

// Run deletes each file and goes on past failures, so that one wrong name does not spare the others.
func (c *modelsRmCmd) Run(a *app) error {
	lib, _, err := a.library(a.Err)
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range c.Models {
		if _, ok := lib.Model(id); !ok {
			failed = append(failed, noModel(id))
			continue
		}
		if err := lib.Remove(id); err != nil {
			failed = append(failed, fmt.Errorf("cannot remove %s: %w", id, err))
			continue
		}
		a.printf("Removed %s.\n", id)
	}
	return errors.Join(failed...)
}

type modelsShowCmd struct {
	Model string `arg:"" help:"An id, as everpoint models list shows it."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run prints a line for each fact.
func (c *modelsShowCmd) Run(a *app) error {
	lib, _, err := a.library(a.Err)
	if err != nil {
		return err
	}
	m, ok := lib.Model(c.Model)
	if !ok {
		return noModel(c.Model)
	}
	r := newModelRecord(lib, m)
	if c.JSON {
		return a.json(r)
	}
	state := "no; to fetch it: everpoint models pull " + m.ID
	if r.Installed {
		state = r.Path
	}
	rows := [][]string{
		{"Model", m.ID}, {"Kind", m.Kind}, {"Engine", m.Engine}, {"Licence", dash(m.Licence)},
		{"Context", strconv.Itoa(m.Context) + " tokens per answer"}, {"Answers at a time", strconv.Itoa(m.Slots)},
	}
	if m.Dimensions > 0 {
		rows = append(rows, []string{"Dimensions", strconv.Itoa(m.Dimensions)})
	}
	rows = append(rows, []string{"Size", size(m.Size)}, []string{"Memory when loaded", size(m.Memory)},
		[]string{"SHA-256", m.SHA256}, []string{"Installed", state})
	return a.table(rows)
}
