package cli

import (
	"runtime"
	"runtime/debug"
)

// version is set by the linker (see the Makefile).
var version = "dev"

type versionCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

// Run prints what this program is and what it was built from.
func (c *versionCmd) Run(a *app) error {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	if c.JSON {
		return a.json(map[string]string{"version": version, "commit": commit, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	a.printf("everpoint %s (commit %.12s, %s, %s/%s)\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
