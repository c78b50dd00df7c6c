package store

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/everpoint/everpoint/internal/apierror"
)

// wantError checks for an *apierror.Error with this status, code and text.
func wantError(t *testing.T, err error, status int, code, message string) {
	t.Helper()
	e, ok := apierror.As(err)
	if !ok {
		t.Fatalf("error %v, want a client's error: %s", err, message)
	}
	if e.Status != status || e.Code != code || e.Message != message {
		t.Errorf("error %d %q %q\nwant  %d %q %q", e.Status, e.Code, e.Message, status, code, message)
	}
}

func newProject(t testing.TB, s *Store) string {
	t.Helper()
	p, err := s.DefaultProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^proj_[0-9A-Za-z]{24}$`).MatchString(p.ID) || p.Name == "" || p.CreatedAt.IsZero() {
		t.Fatalf("project %+v", p)
	}
	return p.ID
}

// otherProject makes a second project beside the default one.
func otherProject(t *testing.T, s *Store) string {
	t.Helper()
	id := newID("proj_")
	_, err := s.write.ExecContext(t.Context(), `INSERT INTO projects (id, name, is_default, created_at) VALUES ($1, $2, FALSE, $3)`,
		id, "Other", now().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		project, other := newProject(t, s), otherProject(t, s)

		var made []Key
		var secrets []string
		for i := range 3 {
			key, secret, err := s.CreateKey(t.Context(), project, fmt.Sprintf("key %d", i))
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^sk-ep-[0-9A-Za-z]{43}$`).MatchString(secret) {
				t.Errorf("secret %q", secret)
			}
			if !regexp.MustCompile(`^key_[0-9A-Za-z]{24}$`).MatchString(key.ID) || key.ProjectID != project || key.Name != fmt.Sprintf("key %d", i) ||
				key.Hint != secret[:8]+"..."+secret[45:] || key.CreatedAt.IsZero() || !key.RevokedAt.IsZero() {
				t.Errorf("key %+v", key)
			}
			made, secrets = append(made, key), append(secrets, secret)
		}
		slices.SortFunc(made, func(a, b Key) int { // those of one millisecond are in the order of their ids
			if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
				return c
			}
			return strings.Compare(a.ID, b.ID)
		})
		listed, err := s.ListKeys(t.Context(), project)
		if err != nil || !slices.Equal(listed, made) {
			t.Fatalf("ListKeys = %+v, %v\nwant %+v", listed, err, made)
		}
		if listed, err = s.ListKeys(t.Context(), other); err != nil || len(listed) != 0 {
			t.Fatalf("the other project's keys are %+v, %v", listed, err)
		}

		// Nothing in the table can be used as a key.
		rows, err := s.read.QueryContext(t.Context(), `SELECT name, hint, lookup, salt, hash FROM api_keys`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var columns [5][]byte
			if err := rows.Scan(&columns[0], &columns[1], &columns[2], &columns[3], &columns[4]); err != nil {
				t.Fatal(err)
			}
			for _, secret := range secrets {
				if bytes.Contains(bytes.Join(columns[:], []byte(" ")), []byte(secret)) {
					t.Error("a secret is in the table")
				}
			}
			if len(columns[2]) != 16 || len(columns[3]) != 16 || len(columns[4]) != 32 {
				t.Errorf("lookup, salt and hash have %d, %d and %d bytes", len(columns[2]), len(columns[3]), len(columns[4]))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}

		_, _, err = s.CreateKey(t.Context(), "proj_none", "x")
		wantError(t, err, 404, "", "No project found with id 'proj_none'.")
	})
}

func TestRevokeKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		project, other := newProject(t, s), otherProject(t, s)
		key, _, err := s.CreateKey(t.Context(), project, "x")
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, s.RevokeKey(t.Context(), other, key.ID), 404, "", "No key found with id '"+key.ID+"'.")
		wantError(t, s.RevokeKey(t.Context(), project, "key_none"), 404, "", "No key found with id 'key_none'.")
		if keys, err := s.ListKeys(t.Context(), project); err != nil || !keys[0].RevokedAt.IsZero() {
			t.Fatalf("ListKeys = %+v, %v; nothing should be revoked", keys, err)
		}
		if err := s.RevokeKey(t.Context(), project, key.ID); err != nil {
			t.Fatal(err)
		}
		first, err := s.ListKeys(t.Context(), project)
		if err != nil || first[0].RevokedAt.Before(key.CreatedAt) {
			t.Fatalf("ListKeys = %+v, %v; want a time of revocation", first, err)
		}
		// Move the time, to see that a second revocation leaves it alone.
		if _, err := s.write.ExecContext(t.Context(), `UPDATE api_keys SET revoked_at = 1000`); err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeKey(t.Context(), project, key.ID); err != nil {
			t.Fatal(err)
		}
		if keys, err := s.ListKeys(t.Context(), project); err != nil || keys[0].RevokedAt.Unix() != 1 {
			t.Errorf("ListKeys = %+v, %v; want the first time", keys, err)
		}
	})
}

func TestImportKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		project, other := newProject(t, s), otherProject(t, s)

		// Several at once, as when servers with one bootstrap key start together.
		var group sync.WaitGroup
		keys := make([]Key, 8)
		for i := range keys {
			group.Go(func() {
				var err error
				if keys[i], err = s.ImportKey(t.Context(), project, "bootstrap", "dev-key"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, key := range keys {
			if key != keys[0] || key.Hint != "****" || key.Name != "bootstrap" {
				t.Fatalf("keys %+v and %+v", key, keys[0])
			}
		}
		if key, _, err := s.Authenticate(t.Context(), "dev-key"); err != nil || key != keys[0] {
			t.Fatalf("Authenticate = %+v, %v", key, err)
		}

		_, err := s.ImportKey(t.Context(), other, "x", "dev-key")
		wantError(t, err, 400, "key_in_use", "The key ******* belongs to another project; choose another.")
		_, err = s.ImportKey(t.Context(), "proj_none", "x", "new-key")
		wantError(t, err, 404, "", "No project found with id 'proj_none'.")
		for _, secret := range []string{"", "two words", "new\nline", "schlüssel", strings.Repeat("x", 513)} {
			_, err = s.ImportKey(t.Context(), project, "x", secret)
			wantError(t, err, 400, "invalid_key", "A key has 1 to 512 printable ASCII characters and no spaces.")
		}
		if err := s.RevokeKey(t.Context(), project, keys[0].ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.ImportKey(t.Context(), project, "x", "dev-key")
		wantError(t, err, 400, "key_revoked", "The key ******* was revoked; choose another.")
	})
}

func TestMaskKey(t *testing.T) {
	for _, row := range []struct{ secret, want, hint string }{
		{"", "", "****"},
		{"wrong", "*****", "****"},
		{"sk-23-characters-secret", "***********************", "****"},
		{"sk-24-characters--secret", "sk-24-ch************cret", "sk-24-ch...cret"},
		{"sk-ep-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", "sk-ep-01*************************************defg", "sk-ep-01...defg"},
		{"sk-" + strings.Repeat("x", 500), "sk-xxxxx************************************************xxxx", "sk-xxxxx...xxxx"},
		{"sk-\x1b[31m\xff and much more than that\n\x00", "sk-*[31m***********************at**", ""},
	} {
		got := MaskKey(row.secret)
		if got != row.want {
			t.Errorf("MaskKey(%q)\n   = %q\nwant %q", row.secret, got, row.want)
		}
		if hint := hintOf(row.secret); row.hint != "" && hint != row.hint {
			t.Errorf("hintOf(%q) = %q, want %q", row.secret, hint, row.hint)
		}
	}
}

func TestRandomBase62(t *testing.T) {
	counts := map[rune]int{}
	const n = 62 * 2000
	for _, r := range randomBase62(n) {
		counts[r]++
	}
	if len(counts) != 62 {
		t.Errorf("%d different characters", len(counts))
	}
	for r, count := range counts {
		// 2000 are expected, with a standard deviation of 45: a modulo over a whole byte would give 2400 to some.
		if count < 1700 || count > 2300 {
			t.Errorf("%c came %d times out of %d", r, count, n)
		}
	}
	if a, b := newID("run_"), newID("run_"); a == b || len(a) != 28 || !strings.HasPrefix(a, "run_") {
		t.Errorf("ids %s and %s", a, b)
	}
}

func TestIsMissingReference(t *testing.T) {
	if isMissingReference(nil) || isMissingReference(errors.New("FOREIGN KEY constraint failed")) {
		t.Error("the text of an error counts")
	}
}
