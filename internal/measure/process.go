// Package measure is what the programs that measure the built product share: they start it as a process of its own, and
// write what they found into the docs.
package measure

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a child whose output goes to a file.
type Process struct {
	PID  int
	Log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Start runs a program with some variables added to the environment. What it prints goes to a file, as under a service
// manager.
func Start(binary, log string, env []string, args ...string) (*Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &Process{cmd: exec.Command(binary, args...), done: make(chan struct{}), Log: log} //nolint:noctx // ended by Stop, which lets it finish
	p.cmd.Env = append(p.cmd.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w; build it with: make build", err)
	}
	p.PID = p.cmd.Process.Pid
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop asks the process to end and waits until it has; after 20 s it is killed.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Ended is the error of a process that is gone, with what it had to say.
func (p *Process) Ended() error {
	text, _ := os.ReadFile(p.Log)
	return fmt.Errorf("%s ended:\n%s", p.cmd.Args[0], text)
}

// Server is an everpoint process that accepts requests.
type Server struct {
	*Process
	URL string // without /v1
	Key string
}

// StartServer starts "everpoint serve" on a free port, with its data and its log in dir, and waits until it accepts
// requests: at most 30 s.
func StartServer(ctx context.Context, binary, dir string, env []string, args ...string) (*Server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + address, Key: "sk-" + rand.Text()}
	args = append([]string{"serve", "--listen", address, "--data", filepath.Join(dir, "data")}, args...)
	s.Process, err = Start(binary, filepath.Join(dir, "everpoint.log"), append(env, "EVERPOINT_BOOTSTRAP_KEY="+s.Key), args...)
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// ready polls until the server answers 200. It opens a connection of its own each time, as a first client would.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", nil)
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
		case <-s.Done():
			return s.Ended()
		case <-ctx.Done():
			return errors.New("the server was not ready within 30 s")
		case <-time.After(500 * time.Microsecond):
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
