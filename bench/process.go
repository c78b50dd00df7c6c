package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child whose output goes to a file.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  string
}

// start runs the program that is measured. What it prints goes to a file, as under a service manager.
func start(binary, log string, env []string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command(binary, args...), done: make(chan struct{}), log: log} //nolint:noctx // ended by stop, which lets it finish
	p.cmd.Env = append(os.Environ(), env...)                                               //nolint:forbidigo // a program of its own
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w; build it with: make build", err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ended is the error of a process that is gone, with what it had to say.
func (p *process) ended() error {
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s ended:\n%s", p.cmd.Args[0], text)
}

// resident is the memory that the process has in RAM, in bytes.
func (p *process) resident() (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
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
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
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

// server is an everpoint process that accepts requests.
type server struct {
	*process
	url, key string
}

// startServer starts everpoint with a configuration and waits until it accepts requests.
func startServer(ctx context.Context, o options, dir, config string, env ...string) (*server, error) {
	file := filepath.Join(dir, "everpoint.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + address, key: "sk-" + rand.Text()}
	s.process, err = start(o.binary, filepath.Join(dir, "everpoint.log"), append(env, "EVERPOINT_BOOTSTRAP_KEY="+s.key),
		"serve", "--config", file, "--listen", address, "--data", filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// ready polls until the server answers 200. It opens a connection of its own each time, as a first client would.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return s.ended()
		case <-ctx.Done():
			return errors.New("the server was not ready within 30 s")
		case <-time.After(500 * time.Microsecond):
		}
	}
}

// startFakeEngine starts the scripted engine and reads its address from what it prints.
func startFakeEngine(ctx context.Context, o options, dir string) (*process, string, error) {
	p, err := start(o.binary, filepath.Join(dir, "engine.log"), nil, "fake-engine", "--listen", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	for {
		text, _ := os.ReadFile(p.log)
		if line, _, whole := strings.Cut(string(text), "\n"); whole && strings.HasPrefix(line, "http://") {
			return p, line, nil
		}
		select {
		case <-p.done:
			return nil, "", p.ended()
		case <-ctx.Done():
			p.stop()
			return nil, "", ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
