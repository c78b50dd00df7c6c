package engines

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed engine.py
var pythonWorker string

const (
	stopGrace   = 5 * time.Second       // between SIGTERM and SIGKILL
	healthPause = 25 * time.Millisecond // between two looks at /health
	// embeddingBatch is how many tokens of an embedding model's input are worked on at once. An input must fit in one batch.
	embeddingBatch = 4096
)

// errExited says that an engine's process ended before it was ready.
var errExited = errors.New("the engine's process ended while it was starting")

// process is the child process of one running engine.
type process struct {
	url     string // base URL, without a slash at the end
	key     string // bearer key it demands; never logged
	port    int
	pid     int
	version string
	started time.Time
	signal  func(syscall.Signal) // reaches the engine and whatever it started; harmless once it is gone
	done    chan struct{}        // closed when the process is gone and reaped
	err     error                // how it ended; set before done is closed
}

// launch is all that starting an engine needs.
type launch struct {
	command EngineCommand
	model   Model
	path    string // the model's file
	threads int
	log     *engineLog
}

// start starts the engine on a free port of loopback with a key of its own. It does not wait until the engine is ready.
func (l launch) start() (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	key := hex.EncodeToString(random)

	args, env, input, err := l.arguments(port, key)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(engineEnvironment(cmd.Environ()), env...)
	cmd.Stdout, cmd.Stderr = l.log, l.log
	cmd.WaitDelay = time.Second // what the engine started may hold its output open
	// The pipe stays open until we end, by whatever cause: its end is what tells the worker, and the guard, to end too.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the engine's input: %w", err)
	}
	if err := startChild(cmd); err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	p := &process{
		url: "http://127.0.0.1:" + strconv.Itoa(port), key: key, port: port, pid: cmd.Process.Pid,
		version: l.command.Version, started: time.Now(), done: make(chan struct{}),
	}
	p.signal = func(sig syscall.Signal) {
		if !p.ended() { // else its process id may be another's by now
			_ = syscall.Kill(-p.pid, sig)
		}
	}
	l.log.note("started %s as process %d for %s", l.command.Kind, p.pid, l.model.ID)
	go p.wait(cmd, l.log)
	_, _ = stdin.Write(input) // fails only when the process has ended, which wait reports
	return p, nil
}

// wait reaps the process. Nothing waits for this goroutine but by done; it ends with the process, which Stop kills.
func (p *process) wait(cmd *exec.Cmd, log *engineLog) {
	p.err = cmd.Wait()
	if errors.Is(p.err, exec.ErrWaitDelay) {
		p.err = nil
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL) // what it may have started and left behind
	log.note("process %d ended after %s: %s", p.pid, time.Since(p.started).Round(time.Millisecond), cmd.ProcessState)
	close(p.done)
}

// ended tells whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process, by force after a grace, and returns when it is gone.
func (p *process) stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// ready polls the engine until it has loaded its model, and returns ctx's error or errExited if that does not happen.
func (p *process) ready(ctx context.Context) error {
	pause := time.NewTicker(healthPause)
	defer pause.Stop()
	for {
		if p.healthy(ctx) {
			return nil
		}
		select {
		case <-p.done:
			return errExited
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
	}
}

// healthClient keeps no connection open, so that a poll never sees the connection of a process that has ended.
var healthClient = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// healthy asks once. The engine answers 503 while it loads.
func (p *process) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/health", nil)
	if err != nil {
		return false
	}
	response, err := healthClient.Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4096))
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// arguments gives the command line, what is added to the environment, and what is written to standard input.
func (l launch) arguments(port int, key string) (args, env []string, input []byte, err error) {
	m := l.model
	context, batch := m.Context*m.Slots, 0
	if m.Kind == KindEmbedding {
		batch = embeddingBatch
	}
	switch l.command.Kind {
	case EngineXllamaCPP:
		input, err = json.Marshal(map[string]any{
			"model": l.path, "port": port, "key": key, "context": context, "slots": m.Slots, "threads": l.threads,
			"batch": batch, "embeddings": m.Kind == KindEmbedding,
		})
		// -I: neither the user's site-packages nor PYTHON* variables nor the current folder may change what runs.
		return []string{l.command.Path, "-I", "-u", "-c", pythonWorker}, nil, append(input, '\n'), err
	case EngineLlamaServer:
		args = []string{
			l.command.Path, "-m", l.path, "--host", "127.0.0.1", "--port", strconv.Itoa(port),
			"-c", strconv.Itoa(context), "-np", strconv.Itoa(m.Slots), "-t", strconv.Itoa(l.threads), "--jinja",
		}
		if batch > 0 {
			args = append(args, "--embeddings", "-b", strconv.Itoa(batch), "-ub", strconv.Itoa(batch))
		}
		return guarded(args), llamaEnvironment(key), nil, nil
	}
	return nil, nil, nil, fmt.Errorf("engine of unknown kind %q", l.command.Kind)
}

// llamaEnvironment holds the settings that not every release of llama-server has, or has under another name: an unknown
// flag ends the program, an unknown variable does not. It also holds the key, because other users can read a command line.
func llamaEnvironment(key string) []string {
	return []string{
		"LLAMA_API_KEY=" + key,
		"LLAMA_ARG_CACHE_RAM=0",                                     // the cache of old prompts may take 8 GiB otherwise
		"LLAMA_ARG_KV_UNIFIED=0",                                    // every slot has its own context
		"LLAMA_ARG_CONTEXT_SHIFT=0", "LLAMA_ARG_NO_CONTEXT_SHIFT=1", // an answer ends at the end of the context
		"LLAMA_ARG_ENDPOINT_SLOTS=1",                                  // lets tests see that a slot is free
		"LLAMA_ARG_UI=0", "LLAMA_ARG_WEBUI=0", "LLAMA_ARG_NO_WEBUI=1", // nobody opens its page
		"LLAMA_ARG_OFFLINE=1",
	}
}

// engineEnvironment leaves of our environment what an engine can need. Our keys and passwords are none of its business,
// and LLAMA_ARG_ variables of the user's own would change what we ask for.
func engineEnvironment(all []string) []string {
	names := map[string]bool{"PATH": true, "HOME": true, "USER": true, "LOGNAME": true, "LANG": true, "TZ": true, "TMPDIR": true, "LD_LIBRARY_PATH": true}
	prefixes := []string{"LC_", "XDG_", "DYLD_", "CUDA_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "GGML_", "VK_", "SYCL_", "ZE_", "ONEAPI_", "OMP_", "KMP_", "OPENBLAS_", "MKL_"}
	var kept []string
	for _, variable := range all {
		name, _, _ := strings.Cut(variable, "=")
		keep := names[name]
		for _, prefix := range prefixes {
			keep = keep || strings.HasPrefix(name, prefix)
		}
		if keep {
			kept = append(kept, variable)
		}
	}
	return kept
}

// freePort finds a port of loopback that nothing listens on. Another program may take it before the engine does; see
// portTaken.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port on 127.0.0.1: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// portTaken tells whether somebody else has the port now, which explains why an engine that was given it ended.
func portTaken(port int) bool {
	l, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return true
	}
	_ = l.Close()
	return false
}

// GuardCommand is the hidden command of our own program whose arguments go to Guard.
const GuardCommand = "engine-guard"

// Guard runs the command in args (a leading "--" is skipped) until it ends, or kills it when our standard input ends,
// which happens when the process that holds its other end is gone, however it ended. It returns the exit code for our
// own process. Systems without a parent-death signal run llama-server under it.
func Guard(args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "everpoint "+GuardCommand+": name the command to run after --")
		return 2
	}
	// A signal to our process group reaches the command as well, and we end when it does.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "everpoint "+GuardCommand+":", err)
		return 127
	}
	go func() { // ends with our process
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = cmd.Process.Kill()
	}()
	_ = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
