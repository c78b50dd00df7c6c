package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/measure"
)

// resident is the memory that the process has in RAM, in bytes.
func resident(p *measure.Process) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}

// cpu is the processor time that the process has used.
func cpu(p *measure.Process) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name before it may have spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("cannot read /proc")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture of interest
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}

// startServer starts everpoint with a configuration and waits until it accepts requests.
func startServer(ctx context.Context, o options, dir, config string, env ...string) (*measure.Server, error) {
	file := filepath.Join(dir, "everpoint.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return measure.StartServer(ctx, o.binary, dir, env, "--config", file)
}

// startFakeEngine starts the scripted engine and reads its address from what it prints.
func startFakeEngine(ctx context.Context, o options, dir string) (*measure.Process, string, error) {
	p, err := measure.Start(o.binary, filepath.Join(dir, "engine.log"), nil, "fake-engine", "--listen", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	for {
		text, _ := os.ReadFile(p.Log)
		if line, _, whole := strings.Cut(string(text), "\n"); whole && strings.HasPrefix(line, "http://") {
			return p, line, nil
		}
		select {
		case <-p.Done():
			return nil, "", p.Ended()
		case <-ctx.Done():
			p.Stop()
			return nil, "", ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
