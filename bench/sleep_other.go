//go:build !linux

package main

import "time"

// pacer sleeps as finely as the runtime does.
func pacer() (sleep func(until time.Time), done func()) {
	return func(until time.Time) { time.Sleep(time.Until(until)) }, func() {} //nolint:forbidigo // the moment is what is waited for
}
