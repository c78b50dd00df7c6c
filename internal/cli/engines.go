package cli

import (
	"context"
	"fmt"

	"github.com/everpoint/everpoint/internal/engines"
)

type enginesCmd struct {
	List    enginesListCmd    `cmd:"" help:"List the engines and where they lie."`
	Install enginesInstallCmd `cmd:"" help:"Install an engine."`
	Doctor  enginesDoctorCmd  `cmd:"" help:"Say what is there, what is missing, and what the engines' logs end with."`
}

// engineNames are the engines that there are.
var engineNames = []string{engines.LlamaCPP}

// engineRecord is an engine for programs.
type engineRecord struct {
	Name      string `json:"name"`
	Installed bool   `json:"installed"`
	Kind      string `json:"kind,omitempty"`
	Version   string `json:"version,omitempty"`
	Path      string `json:"path,omitempty"`
}

func engineRecords(lib *engines.Library) []engineRecord {
	records := []engineRecord{}
	for _, name := range engineNames {
		command, ok := lib.Engine(name)
		records = append(records, engineRecord{Name: name, Installed: ok, Kind: command.Kind, Version: command.Version, Path: command.Path})
	}
	return records
}

type enginesListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a row for each engine.
func (c *enginesListCmd) Run(a *app) error {
	lib, _, err := a.library(a.Err)
	if err != nil {
		return err
	}
	records := engineRecords(lib)
	if c.JSON {
		return a.json(records)
	}
	rows := [][]string{{"ENGINE", "INSTALLED", "KIND", "VERSION", "PATH"}}
	for _, r := range records {
		installed := "no"
		if r.Installed {
			installed = "yes"
		}
		rows = append(rows, []string{r.Name, installed, dash(r.Kind), dash(r.Version), dash(r.Path)})
	}
	return a.table(rows)
}

type enginesInstallCmd struct {
	Engine string `arg:"" optional:"" default:"llama.cpp" enum:"llama.cpp" help:"Which engine; so far there is llama.cpp."`
	Build  bool   `help:"Compile it for this machine's processor: minutes instead of seconds, and about 1.4 times as fast afterwards. Needs cmake, ninja and a C++ compiler."`
}

// Run installs, unless the engine is here already and no build was asked for.
func (c *enginesInstallCmd) Run(ctx context.Context, a *app) error {
	shown := newProgress(a.Out)
	defer shown.finish()
	lib, _, err := a.library(shown)
	if err != nil {
		return err
	}
	if command, ok := lib.Engine(c.Engine); ok && !c.Build {
		shown.printf("%s: here already (%s, %s)\n", c.Engine, command.Version, command.Path)
		return nil
	}
	if err := lib.InstallEngine(ctx, c.Engine, c.Build, shown.update); err != nil {
		return fmt.Errorf("cannot install the engine %s: %w", c.Engine, err)
	}
	command, ok := lib.Engine(c.Engine)
	if !ok {
		return fmt.Errorf("the engine %s was installed but does not start; see what is wrong with: everpoint engines doctor", c.Engine)
	}
	shown.printf("%s: ready (%s)\n", c.Engine, command.Version)
	return nil
}
