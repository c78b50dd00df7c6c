package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/httpapi"
)

// testConfig is a server on any free port with folders of its own, which downloads nothing.
func testConfig(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.Listen = "127.0.0.1:0"
	c.Data = filepath.Join(t.TempDir(), "data")
	c.Engines.Cache = filepath.Join(t.TempDir(), "cache")
	c.Engines.Offline = true
	return c
}

func newServer(t *testing.T, c config.Config) *Server {
	t.Helper()
	s, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func start(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, client *http.Client, url, key string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestFirstKeyOpensTheServer(t *testing.T) {
	c := testConfig(t)
	s := newServer(t, c)
	start(t, s)
	if err := s.Start(t.Context()); err != nil {
		t.Errorf("starting again: %v", err)
	}
	if status, body := get(t, http.DefaultClient, s.URL()+"/readyz", ""); status != http.StatusOK {
		t.Errorf("not ready after Start: %d %s", status, body)
	}
	if status, _ := get(t, http.DefaultClient, s.URL()+"/v1/models", ""); status != http.StatusUnauthorized {
		t.Errorf("without a key the answer is %d", status)
	}
	if status, body := get(t, http.DefaultClient, s.URL()+"/v1/models", s.FirstKey()); status != http.StatusOK {
		t.Errorf("the first key is refused: %d %s", status, body)
	}
	file := filepath.Join(c.Data, "key")
	kept, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(kept)) != s.FirstKey() {
		t.Errorf("the file holds %q, %v", kept, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is not its owner's alone: %v, %v", info.Mode(), err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	again := newServer(t, c)
	start(t, again)
	if again.FirstKey() != "" {
		t.Error("a second start made another first key")
	}
	if status, _ := get(t, http.DefaultClient, again.URL()+"/v1/models", strings.TrimSpace(string(kept))); status != http.StatusOK {
		t.Errorf("the first key did not last: %d", status)
	}
}

func TestBootstrapKeyReplacesTheFirstKey(t *testing.T) {
	c := testConfig(t)
	c.BootstrapKey = "sk-chosen-0123456789abcdef"
	s := newServer(t, c)
	start(t, s)
	if s.FirstKey() != "" {
		t.Error("a key was made although there is one")
	}
	if status, body := get(t, http.DefaultClient, s.URL()+"/v1/models", c.BootstrapKey); status != http.StatusOK {
		t.Errorf("the key is refused: %d %s", status, body)
	}
}

func TestAddressInUse(t *testing.T) {
	first := newServer(t, testConfig(t))
	c := testConfig(t)
	c.Listen = first.Addr().String()
	_, err := New(c, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), c.Listen) || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("the error does not say which address and what to do: %v", err)
	}
	if _, err := os.Stat(c.Data); !errors.Is(err, os.ErrNotExist) {
		t.Error("a server that could not listen has made its data folder")
	}
}

func TestFailedBuildIsUndone(t *testing.T) {
	c := testConfig(t)
	probe := newServer(t, testConfig(t))
	c.Listen = probe.Addr().String()
	if err := probe.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Database = filepath.Join(file, "x.db")
	if s, err := New(c, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("a database below a file was opened: ", s.Stop(t.Context()))
	}
	c.Database = ""
	newServer(t, c) // the address is free again
}

func TestNoKeysOnLoopbackOnly(t *testing.T) {
	c := testConfig(t)
	c.Auth, c.Listen = false, "0.0.0.0:0"
	if _, err := New(c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("a public server without keys: %v", err)
	}
	c.Listen = "127.0.0.1:0"
	s := newServer(t, c)
	start(t, s)
	if status, body := get(t, http.DefaultClient, s.URL()+"/v1/models", ""); status != http.StatusOK {
		t.Errorf("answer is %d: %s", status, body)
	}
	if s.FirstKey() != "" {
		t.Error("a key was made that nobody needs")
	}
}

// hold makes a server answer GET /hold with a line, and a second one when release is closed or the request is ended.
func hold(s *Server, release <-chan struct{}) {
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hold" {
			s.api.ServeHTTP(w, r)
			return
		}
		_, _ = fmt.Fprintln(w, "begun")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
			_, _ = fmt.Fprintln(w, "whole")
		case <-r.Context().Done():
			_, _ = fmt.Fprintln(w, context.Cause(r.Context()))
		}
	})
}

// openHeld asks for /hold and returns when its first line is there.
func openHeld(t *testing.T, s *Server) *bufio.Reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/hold", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "begun\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	return lines
}

func TestStopLetsStreamsEnd(t *testing.T) {
	s := newServer(t, testConfig(t))
	release, stopped := make(chan struct{}), make(chan error, 1)
	hold(s, release)
	var order []string
	s.onStop("first", func(context.Context) error { order = append(order, "first"); return errors.New("first failed") })
	start(t, s)
	s.onStop("last", func(context.Context) error { order = append(order, "last"); return errors.New("last failed") })
	held := openHeld(t, s)
	go func() { stopped <- s.Stop(t.Context()) }()
	var d net.Dialer
	for refused := false; !refused; { // nothing new is accepted while the stream still runs
		c, err := d.DialContext(t.Context(), "tcp", s.Addr().String())
		if refused = err != nil; !refused {
			_ = c.Close()
		}
	}
	page := httptest.NewRecorder()
	s.api.ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	if page.Code != http.StatusServiceUnavailable {
		t.Errorf("a draining server says it is ready: %d", page.Code)
	}
	close(release)
	if rest, err := io.ReadAll(held); err != nil || string(rest) != "whole\n" {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	err := <-stopped
	if err == nil || !strings.Contains(err.Error(), "stopping last: last failed\nstopping first: first failed") {
		t.Errorf("the errors are not joined: %v", err)
	}
	if strings.Join(order, " ") != "last first" {
		t.Errorf("the order was %v", order)
	}
	if again := s.Stop(t.Context()); again == nil || again.Error() != err.Error() {
		t.Errorf("stopping again: %v", again)
	}
	s.stopErr = nil // of this test's own making
}

func TestStopEndsWhatOutlivesTheDrainLimit(t *testing.T) {
	c := testConfig(t)
	c.Limits.Drain = time.Millisecond
	s := newServer(t, c)
	hold(s, nil)
	start(t, s)
	held := openHeld(t, s)
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(held); err != nil || string(rest) != httpapi.ErrStopping.Error()+"\n" {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
}

func TestImpatientStopDoesNotWait(t *testing.T) {
	c := testConfig(t)
	c.Limits.Drain = time.Hour
	s := newServer(t, c)
	hold(s, nil)
	start(t, s)
	openHeld(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestStopWithoutStart(t *testing.T) {
	s := newServer(t, testConfig(t))
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Start(t.Context()); err == nil {
		t.Error("a stopped server started")
	}
}

func TestSlowHeaderIsGivenUp(t *testing.T) {
	c := testConfig(t)
	c.Limits.HeaderTimeout = 10 * time.Millisecond
	s := newServer(t, c)
	start(t, s)
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /readyz HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil { // ends when the server closes the connection
		t.Error(err)
	}
}

// trusting is a client that trusts the certificate in a file and no other.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		t.Fatal("no certificate in ", file)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestSelfMadeCertificate(t *testing.T) {
	c := testConfig(t)
	c.TLS.SelfSigned = true
	s := newServer(t, c)
	start(t, s)
	client := trusting(t, filepath.Join(c.Data, "tls-cert.pem"))
	_, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if status, _ := get(t, client, "https://"+net.JoinHostPort(host, port)+"/readyz", ""); status != http.StatusOK {
			t.Errorf("%s: status is %d", host, status)
		}
	}
	if info, err := os.Stat(filepath.Join(c.Data, "tls.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key is not its owner's alone: %v, %v", info.Mode(), err)
	}
	if len(s.Fingerprint()) != 32*3-1 {
		t.Errorf("the fingerprint is %q", s.Fingerprint())
	}
	if again := newServer(t, c); again.Fingerprint() != s.Fingerprint() {
		t.Error("a second start made another certificate")
	}
}

func TestCertificateIsMadeAnewWhenItMustBe(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	names := []string{"localhost", "127.0.0.1"}
	print := func(names []string, at time.Time) string {
		cert, err := ownCertificate(dir, names, at)
		if err != nil {
			t.Fatal(err)
		}
		return fingerprint(cert)
	}
	first := print(names, now)
	if print(names, now.Add(certificateLife/2)) != first {
		t.Error("a good certificate was not kept")
	}
	second := print(append(names, "other.example"), now)
	if second == first {
		t.Error("a certificate without one of the names was kept")
	}
	third := print(names, now.Add(certificateLife))
	if third == second {
		t.Error("an expired certificate was kept")
	}
	if err := os.WriteFile(filepath.Join(dir, "tls.pem"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if print(names, now) == third {
		t.Error("a damaged certificate was kept")
	}
}

func TestCertificateOfTheUser(t *testing.T) {
	dir := t.TempDir()
	data, err := makeCertificate([]string{"127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "both.pem")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c := testConfig(t)
	c.TLS = config.TLS{Cert: file, Key: file}
	s := newServer(t, c)
	start(t, s)
	if status, _ := get(t, trusting(t, file), s.URL()+"/readyz", ""); status != http.StatusOK {
		t.Errorf("status is %d", status)
	}
	c.TLS.Key = filepath.Join(dir, "none.pem")
	c.Listen = "127.0.0.1:0"
	if _, err := New(c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "tls.key") {
		t.Errorf("a missing key: %v", err)
	}
}
