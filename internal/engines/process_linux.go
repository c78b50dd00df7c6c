package engines

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// startChild starts cmd in a process group of its own, so that a Ctrl-C in the terminal reaches us alone and we stop our
// children in order, and asks the kernel to kill it when we end.
//
// The kernel sends that signal when the *thread* that started the child ends, not the process, and the Go runtime ends
// threads when it pleases. So every child is started by one goroutine that keeps a thread of its own for as long as
// this process lives.
func startChild(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	result := make(chan error)
	starts() <- func() { result <- cmd.Start() }
	return <-result
}

var starts = sync.OnceValue(func() chan<- func() {
	queue := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range queue {
			start()
		}
	}()
	return queue
})

// guarded gives the command line that starts an engine which does not watch its input: the parent-death signal does.
func guarded(args []string) []string { return args }
