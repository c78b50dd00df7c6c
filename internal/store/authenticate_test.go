package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// handClock is a clock for the cache that a test moves.
type handClock struct{ nanos atomic.Int64 }

func newHandClock() *handClock {
	c := &handClock{}
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *handClock) NowNano() int64                      { return c.nanos.Load() }
func (c *handClock) Tick(time.Duration) <-chan time.Time { return nil }
func (c *handClock) advance(d time.Duration)             { c.nanos.Add(int64(d)) }

func TestAuthenticate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		project := newProject(t, s)
		key, secret, err := s.CreateKey(t.Context(), project, "x")
		if err != nil {
			t.Fatal(err)
		}
		for _, when := range []string{"from the database", "from the cache"} {
			gotKey, gotProject, err := s.Authenticate(t.Context(), secret)
			if err != nil || gotKey != key {
				t.Fatalf("%s: Authenticate = %+v, %v; want %+v", when, gotKey, err, key)
			}
			if want, err := s.DefaultProject(t.Context()); err != nil || gotProject != want {
				t.Fatalf("%s: project %+v, want %+v", when, gotProject, want)
			}
		}
		wrong := secret[:len(secret)-1] + "!"
		for _, row := range []struct{ name, secret, masked string }{
			{"unknown", "sk-ep-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", "sk-ep-01*************************************defg"},
			{"one character off", wrong, secret[:8] + strings.Repeat("*", 37) + wrong[45:]},
			{"lower case", strings.ToLower(secret), strings.ToLower(secret)[:8] + strings.Repeat("*", 37) + strings.ToLower(secret)[45:]},
			{"short", "sk-wrong", "********"},
			{"empty", "", ""},
			{"huge", strings.Repeat("x", 1<<20), "xxxxxxxx" + strings.Repeat("*", 48) + "xxxx"},
		} {
			for _, when := range []string{"from the database", "from the cache"} {
				_, _, err := s.Authenticate(t.Context(), row.secret)
				t.Run(row.name+" "+when, func(t *testing.T) {
					wantError(t, err, 401, "invalid_api_key",
						"Incorrect API key provided: "+row.masked+". You can find your API key at https://platform.openai.com/account/api-keys.")
				})
			}
		}

		if err := s.RevokeKey(t.Context(), project, key.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err = s.Authenticate(t.Context(), secret); err == nil {
			t.Error("a revoked key is accepted")
		}
	})
}

// A row is found by a part of a hash; the salted hash decides.
func TestAuthenticateComparesTheHash(t *testing.T) {
	s := newStore(t, filepath.Join(t.TempDir(), "everpoint.db"))
	_, secret, err := s.CreateKey(t.Context(), newProject(t, s), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.ExecContext(t.Context(), `UPDATE api_keys SET lookup = $1`, lookupOf("another secret")); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{secret, "another secret"} {
		if _, _, err := s.Authenticate(t.Context(), secret); err == nil {
			t.Errorf("%q is accepted", secret)
		}
	}
}

// What another process changes is seen when the cache's answer is old enough, and not before.
func TestAuthenticateBesideAnotherProcess(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		clock := newHandClock()
		here, err := open(t.Context(), url, clock)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { here.Close() })
		there := newStore(t, url)
		project := newProject(t, there)
		accepted := func(secret string) bool {
			t.Helper()
			_, _, err := here.Authenticate(t.Context(), secret)
			return err == nil
		}

		key, secret, err := there.CreateKey(t.Context(), project, "x")
		if err != nil {
			t.Fatal(err)
		}
		if !accepted(secret) {
			t.Fatal("a new key is refused")
		}
		if err := there.RevokeKey(t.Context(), project, key.ID); err != nil {
			t.Fatal(err)
		}
		clock.advance(4900 * time.Millisecond)
		if !accepted(secret) {
			t.Error("the cache forgot the key before its time: the database is asked too often")
		}
		clock.advance(200 * time.Millisecond)
		if accepted(secret) {
			t.Error("a key is accepted 5.1 s after its revocation")
		}

		if accepted("later") {
			t.Fatal("an unknown key is accepted")
		}
		if _, err := there.ImportKey(t.Context(), project, "x", "later"); err != nil {
			t.Fatal(err)
		}
		clock.advance(900 * time.Millisecond)
		if accepted("later") {
			t.Error("the cache forgot the unknown key before its time: the database is asked too often")
		}
		clock.advance(200 * time.Millisecond)
		if !accepted("later") {
			t.Error("a key is refused 1.1 s after it was made")
		}
	})
}

// A key made here is accepted at once, even if it was tried before it existed.
func TestAuthenticateAfterImport(t *testing.T) {
	s := newStore(t, filepath.Join(t.TempDir(), "everpoint.db"))
	if _, _, err := s.Authenticate(t.Context(), "dev-key"); err == nil {
		t.Fatal("an unknown key is accepted")
	}
	if _, err := s.ImportKey(t.Context(), newProject(t, s), "x", "dev-key"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Authenticate(t.Context(), "dev-key"); err != nil {
		t.Fatal(err)
	}
}

// A flood of invented secrets neither grows the cache without end nor drives out a key in use.
func TestAuthenticateFlood(t *testing.T) {
	s, err := open(t.Context(), filepath.Join(t.TempDir(), "everpoint.db"), newHandClock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	_, secret, err := s.CreateKey(t.Context(), newProject(t, s), "x")
	if err != nil {
		t.Fatal(err)
	}
	forgotten := 0
	for i := range 3 * rememberMost {
		if _, found := s.authenticated.GetIfPresent(digest(sha256.Sum256([]byte(secret)))); !found {
			forgotten++
		}
		if _, _, err := s.Authenticate(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		s.authenticated.Set(digest{byte(i), byte(i >> 8), byte(i >> 16)}, authentication{})
	}
	s.authenticated.CleanUp()
	if n := s.authenticated.EstimatedSize(); n > rememberMost {
		t.Errorf("the cache holds %d answers", n)
	}
	if forgotten > 10 {
		t.Errorf("the key in use was forgotten %d times", forgotten)
	}
}

// A broken database is our fault, not the key's, and is not remembered.
func TestAuthenticateFault(t *testing.T) {
	s := newStore(t, filepath.Join(t.TempDir(), "everpoint.db"))
	_, secret, err := s.CreateKey(t.Context(), newProject(t, s), "x")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Authenticate(gone, secret); !errors.Is(err, context.Canceled) {
		t.Errorf("Authenticate = %v, want the cancellation", err)
	}
	if _, _, err := s.Authenticate(t.Context(), secret); err != nil {
		t.Errorf("Authenticate = %v after a failure", err)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := newStore(b, filepath.Join(b.TempDir(), "everpoint.db"))
	project := newProject(b, s)
	var secrets []string
	for i := range 100 {
		_, secret, err := s.CreateKey(b.Context(), project, fmt.Sprint(i))
		if err != nil {
			b.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, _, err := s.Authenticate(b.Context(), secrets[i%len(secrets)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("asked", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s.keysVersion.Add(1)
			if _, _, err := s.Authenticate(b.Context(), secrets[i%len(secrets)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := s.Authenticate(b.Context(), "sk-ep-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}
