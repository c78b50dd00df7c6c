//go:build !linux

package engines

import "golang.org/x/sys/unix"

// machineMemory gives the bytes of memory of this machine; what is free is not known here.
func machineMemory() (total, available int64) {
	size, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0, 0
	}
	return int64(size), 0
}

// processMemory is not known here.
func processMemory(int) int64 { return 0 }
