package main

import (
	"runtime"
	"syscall"
	"time"
)

// pacer gives its goroutine a thread, and sleeps there more finely than the runtime, whose timers are up to 1 ms late.
func pacer() (sleep func(until time.Time), done func()) {
	runtime.LockOSThread()
	return func(until time.Time) {
		for left := time.Until(until); left > 0; left = time.Until(until) {
			t := syscall.NsecToTimespec(int64(left))
			_ = syscall.Nanosleep(&t, nil) // a signal wakes it early; the loop sleeps on
		}
	}, runtime.UnlockOSThread
}
