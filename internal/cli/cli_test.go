package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/everpoint/everpoint/internal/engines"
)

// user is somebody at a terminal with folders of their own and an environment that holds nothing else.
type user struct {
	t   *testing.T
	env map[string]string
}

func newUser(t *testing.T) user {
	t.Helper()
	dir := t.TempDir()
	return user{t, map[string]string{"HOME": dir, "EVERPOINT_DATA": filepath.Join(dir, "data"), "EVERPOINT_CACHE": filepath.Join(dir, "cache")}}
}

func (u user) lookup(name string) (string, bool) {
	v, ok := u.env[name]
	return v, ok
}

// run runs a command to its end.
func (u user) run(args ...string) (code int, out, errs string) {
	u.t.Helper()
	var o, e bytes.Buffer
	code = Main(u.t.Context(), args, System{In: strings.NewReader(""), Out: &o, Err: &e, LookupEnv: u.lookup})
	return code, o.String(), e.String()
}

func TestCommandLine(t *testing.T) {
	u := newUser(t)
	u.env["WRONG"] = filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(u.env["WRONG"], []byte("listen: 127.0.0.1:8080\nlisten_on: x\nlog:\n  level: loud\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		out  string // in the output
		errs string // in what is said to the person
	}{
		{"", exitOK, "Usage: everpoint <command>", ""},
		{"--help", exitOK, "serve", ""},
		{"serve --help", exitOK, "--no-auth", ""},
		{"completion --help", exitOK, `eval "$(everpoint completion bash)"`, ""},
		{"fake-engine --help", exitOK, `"then": "cut"`, ""},
		{"version", exitOK, "everpoint dev (commit", ""},
		{"version --json", exitOK, `"version": "dev"`, ""},
		{"modelz", exitUsage, "", `did you mean "models"?` + "\n" + `Run "everpoint --help"`},
		{"models", exitUsage, "", `Run "everpoint models --help"`},
		{"models pull --smal", exitUsage, "", "unknown flag --smal"},
		{"models pull --small smollm2-135m-instruct", exitUsage, "", "leave it out when you name models"},
		{"models show nothing", exitFailure, "", "To see all: everpoint models list"},
		{"models rm nothing", exitFailure, "", `there is no model "nothing"`},
		{"models pull all-minilm-l6-v2 nothing", exitFailure, "", `there is no model "nothing"`},
		{"models list", exitOK, "qwen2.5-coder-0.5b-instruct", ""},
		{"models list --json", exitOK, `"installed": false`, ""},
		{"models show qwen2.5-coder-0.5b-instruct", exitOK, "everpoint models pull qwen2.5-coder-0.5b-instruct", ""},
		{"engines install --build x", exitUsage, "", `must be one of "llama.cpp"`},
		{"engines list", exitOK, "llama.cpp", ""},
		{"keys revoke", exitUsage, "", `everpoint keys revoke --help`},
		{"keys revoke key_none", exitFailure, "", "key_none"},
		{"keys list", exitOK, "", "everpoint keys create"},
		{"config check", exitOK, "The configuration is right.", ""},
		{"config show", exitOK, "listen: 127.0.0.1:8080", ""},
		{"config example", exitOK, "listen:", ""},
		{"config schema", exitOK, `"$schema"`, ""},
		{"config check --config $WRONG", exitUsage, "", "wrong.yaml:2: "},
		{"config check --config $WRONG", exitUsage, "", "wrong.yaml:4: log.level"},
		{"serve --config $WRONG", exitUsage, "", "wrong.yaml:2: "},
		{"config check --config /no/such/file", exitUsage, "", "/no/such/file"},
		{"serve --listen nonsense", exitUsage, "", "listen"},
		{"serve --no-auth --listen 0.0.0.0:0", exitUsage, "", "loopback"},
		{"serve --log-level loud", exitUsage, "", "log.level"},
		{"completion fish", exitOK, "complete -f -c everpoint", ""},
		{"completion ksh", exitUsage, "", `"bash","zsh","fish"`},
		{"fake-engine --script /no/such/file", exitFailure, "", "cannot read the script"},
		{"fake-engine --script $WRONG", exitUsage, "", "the script is not right"},
		{"engine-guard", exitUsage, "", ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errs := u.run(strings.Fields(os.Expand(c.args, func(n string) string { return u.env[n] }))...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
				t.Errorf("exit code %d, want %d\noutput:\n%s\nerrors:\n%s", code, c.code, out, errs)
			}
			if code != exitOK && out != "" {
				t.Errorf("a failed command has output:\n%s", out)
			}
			if strings.HasSuffix(c.args, "--json") && !json.Valid([]byte(out)) {
				t.Errorf("not JSON: %s", out)
			}
		})
	}
}

func TestExampleConfigurationIsRight(t *testing.T) {
	u := newUser(t)
	_, example, _ := u.run("config", "example")
	file := filepath.Join(t.TempDir(), "everpoint.yaml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := u.run("config", "check", "--config", file); code != exitOK {
		t.Error(errs)
	}
}

func TestKeys(t *testing.T) {
	u := newUser(t)
	code, secret, note := u.run("keys", "create", "--name", "laptop")
	if code != exitOK || !strings.HasPrefix(secret, "sk-") || strings.Count(secret, "\n") != 1 || !strings.Contains(note, "everpoint keys revoke key_") {
		t.Fatalf("%d %q %q", code, secret, note)
	}
	list := func() []keyRecord {
		t.Helper()
		_, out, _ := u.run("keys", "list", "--json")
		var keys []keyRecord
		if err := json.Unmarshal([]byte(out), &keys); err != nil {
			t.Fatal(err)
		}
		return keys
	}
	keys := list()
	if len(keys) != 1 || keys[0].Name != "laptop" || keys[0].RevokedAt != nil || keys[0].Secret != "" {
		t.Fatalf("%+v", keys)
	}
	if _, table, _ := u.run("keys", "list"); strings.Contains(table, strings.TrimSpace(secret)) || !strings.Contains(table, "laptop") {
		t.Errorf("the list is\n%s", table)
	}
	if code, _, errs := u.run("keys", "revoke", keys[0].ID); code != exitOK {
		t.Error(errs)
	}
	if keys = list(); keys[0].RevokedAt == nil {
		t.Error("the key is not revoked")
	}
	if _, out, _ := u.run("keys", "create", "--json"); !strings.Contains(out, `"secret": "sk-`) {
		t.Errorf("no secret in %s", out)
	}
}

func TestDoctorNamesWhatIsMissing(t *testing.T) {
	u := newUser(t)
	u.env["PATH"] = ""
	code, out, errs := u.run("engines", "doctor", "--json")
	var checks []checkRecord
	if err := json.Unmarshal([]byte(out), &checks); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range checks {
		if c.Outcome == engines.CheckFailed && c.Advice == "" {
			t.Errorf("no advice for %+v", c)
		}
	}
	if !strings.Contains(out, "everpoint models pull") || (code == exitOK) != (errs == "") {
		t.Errorf("%d %s %s", code, errs, out)
	}
}

func TestCompletion(t *testing.T) {
	u := newUser(t)
	t.Setenv("COMP_LINE", "everpoint models p") // the completion library reads the process's own
	u.env["COMP_LINE"] = "everpoint models p"
	if code, out, errs := u.run(); code != exitOK || out != "pull\n" {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

// TestSecondPullWaits plays another process that is fetching the same model, as a second "make up" meets it.
func TestSecondPullWaits(t *testing.T) {
	u := newUser(t)
	u.env["EVERPOINT_SOURCES"] = "packages" // and no hub, should anything be fetched after all
	_, out, _ := u.run("models", "show", "--json", "all-minilm-l6-v2")
	var m modelRecord
	if err := json.Unmarshal([]byte(out), &m); err != nil || m.Installed || m.File == "" {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(u.env["EVERPOINT_CACHE"], "models", m.File)
	other := flock.New(path + ".lock")
	if locked, err := other.TryLock(); err != nil || !locked {
		t.Fatal(locked, err)
	}
	screen, _, ended, _ := u.begin("models", "pull", m.ID)
	screen.await(t, "waiting for another process that fetches the same file", ended)
	file, err := os.Create(path)
	if err == nil {
		err = errors.Join(file.Truncate(m.Size), file.Close()) // no bytes: only the size is looked at now
	}
	if err = errors.Join(err, other.Unlock()); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != exitOK || !strings.HasSuffix(screen.String(), m.ID+": ready\n") {
		t.Errorf("exit code %d: %s", code, screen)
	}
}

// screen is what a running command has printed so far.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // has room for one; signalled by every write
}

func newScreen() *screen { return &screen{more: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until text is on the screen and gives all of it.
func (s *screen) await(t *testing.T, text string, ended <-chan int) string {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		if all := s.String(); strings.Contains(all, text) {
			return all
		}
		select {
		case <-s.more:
		case code := <-ended:
			t.Fatalf("the command ended with %d before it printed %q: %s", code, text, s)
		case <-limit:
			t.Fatalf("%q did not come: %s", text, s)
		}
	}
}

// begin starts a command that runs until it is interrupted.
func (u user) begin(args ...string) (out, errs *screen, ended <-chan int, interrupt func()) {
	u.t.Helper()
	out, errs = newScreen(), newScreen()
	ctx, cancel := context.WithCancel(u.t.Context())
	codes := make(chan int, 1)
	go func() {
		codes <- Main(ctx, args, System{In: strings.NewReader(""), Out: out, Err: errs, LookupEnv: u.lookup})
	}()
	return out, errs, codes, cancel
}

func get(t *testing.T, url, key string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// between cuts out what stands between two texts.
func between(t *testing.T, text, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, before)
	middle, _, ok2 := strings.Cut(rest, after)
	if !ok || !ok2 {
		t.Fatalf("nothing between %q and %q in %s", before, after, text)
	}
	return middle
}

func TestServe(t *testing.T) {
	u := newUser(t)
	out, errs, ended, interrupt := u.begin("serve", "--offline", "--listen", "127.0.0.1:0")
	text := out.await(t, "node -e", ended)
	url, key := between(t, text, "Everpoint serves ", "\n"), between(t, text, "Key: ", "\n")
	if !strings.Contains(text, "OPENAI_BASE_URL="+url+" OPENAI_API_KEY="+key+"\n") {
		t.Errorf("no line to paste in %s", text)
	}
	if status, body := get(t, url+"/models", key); status != http.StatusOK {
		t.Errorf("the key that was shown gets %d %s", status, body)
	}

	// The same address again.
	code, _, said := u.run("serve", "--offline", "--listen", strings.TrimPrefix(strings.TrimSuffix(url, "/v1"), "http://"))
	if code != exitFailure || !strings.Contains(said, "in use") || !strings.Contains(said, "--listen") {
		t.Errorf("a second server: %d %s", code, said)
	}
	interrupt()
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d after an interrupt: %s", code, errs)
	}

	// The key is not shown a second time.
	out, _, ended, interrupt = u.begin("serve", "--offline", "--small", "--listen", "127.0.0.1:0")
	text = out.await(t, "node -e", ended)
	if strings.Contains(text, key) || !strings.Contains(text, "$(cat '"+filepath.Join(u.env["EVERPOINT_DATA"], "key")+"')") {
		t.Errorf("the second start says %s", text)
	}
	interrupt()
	<-ended
}

func TestServeWithOtherKeys(t *testing.T) {
	u := newUser(t)
	out, _, ended, interrupt := u.begin("serve", "--offline", "--no-auth", "--listen", "127.0.0.1:0")
	if text := out.await(t, "node -e", ended); !strings.Contains(text, "none is needed") {
		t.Error(text)
	}
	interrupt()
	<-ended
	u.env["EVERPOINT_BOOTSTRAP_KEY"] = "sk-chosen-0123456789abcdef"
	out, _, ended, interrupt = u.begin("serve", "--offline", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "other"))
	text := out.await(t, "node -e", ended)
	if strings.Contains(text, "sk-chosen") || !strings.Contains(text, "EVERPOINT_BOOTSTRAP_KEY") {
		t.Error(text)
	}
	if status, _ := get(t, between(t, text, "Everpoint serves ", "\n")+"/models", u.env["EVERPOINT_BOOTSTRAP_KEY"]); status != http.StatusOK {
		t.Errorf("the bootstrap key gets %d", status)
	}
	interrupt()
	<-ended
}

func TestFakeEngine(t *testing.T) {
	u := newUser(t)
	script := filepath.Join(t.TempDir(), "script.json")
	if err := os.WriteFile(script, []byte(`{"slots": 7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, ended, interrupt := u.begin("fake-engine", "--script", script)
	url := strings.TrimSpace(out.await(t, "\n", ended))
	if status, body := get(t, url+"/props", ""); status != http.StatusOK || !strings.Contains(body, `"total_slots":7`) {
		t.Errorf("%d %s", status, body)
	}
	var d net.Dialer
	interrupt()
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://")); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}
