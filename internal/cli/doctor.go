package cli

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/everpoint/everpoint/internal/engines"
)

type enginesDoctorCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// checkRecord is one thing that was looked at, for programs.
type checkRecord struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
	Advice  string `json:"advice,omitempty"`
	Log     string `json:"log,omitempty"`
}

// Run prints a line for each thing that was looked at, with the end of an engine's log where that explains it. It fails
// when one of them is broken.
func (c *enginesDoctorCmd) Run(ctx context.Context, a *app) error {
	lib, conf, err := a.library(a.Err)
	if err != nil {
		return err
	}
	supervisor := engines.NewSupervisor(lib, engines.SupervisorOptions{
		LogDir: filepath.Join(conf.Data, "logs", "engines"), Memory: int64(conf.Engines.Memory), Logger: slog.New(noteHandler{a.Err}),
	})
	records := []checkRecord{}
	failed := false
	for _, check := range supervisor.Doctor(ctx) {
		failed = failed || check.Outcome == engines.CheckFailed
		records = append(records, checkRecord(check))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.JSON {
		err = a.json(records)
	} else {
		for _, r := range records {
			a.printf("%-8s %s: %s\n", r.Outcome, r.Name, r.Detail)
			if r.Log != "" {
				a.printf("         log: %s\n", strings.ReplaceAll(strings.TrimSpace(r.Log), "\n", "\n              "))
			}
			if r.Advice != "" {
				a.printf("         %s\n", r.Advice)
			}
		}
	}
	if err == nil && failed {
		return errors.New("something that local models need is missing or broken; what to do is said above")
	}
	return err
}
