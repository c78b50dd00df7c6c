//go:build !linux

package engines

import (
	"os"
	"os/exec"
	"syscall"
)

// startChild starts cmd in a process group of its own, so that a Ctrl-C in the terminal reaches us alone and we stop our
// children in order. There is no parent-death signal here: the worker and the guard watch their standard input instead.
func startChild(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}

// guarded puts our own program in front of an engine that does not watch its input; see Guard.
func guarded(args []string) []string {
	self, err := os.Executable()
	if err != nil {
		return args
	}
	return append([]string{self, GuardCommand, "--"}, args...)
}
