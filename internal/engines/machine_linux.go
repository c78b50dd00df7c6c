package engines

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// machineMemory gives the bytes of memory that this process could use and those that are free now; 0 when unknown.
func machineMemory() (total, available int64) {
	file, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(file) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(string(line), "MemTotal: %d kB", &kilobytes); n == 1 {
			total = kilobytes << 10
		}
		if n, _ := fmt.Sscanf(string(line), "MemAvailable: %d kB", &kilobytes); n == 1 {
			available = kilobytes << 10
		}
	}
	// A container sees the whole machine in /proc/meminfo and its own limit here (version 2, then 1).
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			total, available = min(total, limit), min(available, limit)
		}
	}
	return total, available
}

// processMemory gives the resident bytes of a process; 0 when unknown.
func processMemory(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
