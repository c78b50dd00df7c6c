package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// Key is what is kept about an API key. The secret itself is shown once, by CreateKey, and never stored.
type Key struct {
	ID        string // key_…
	ProjectID string
	Name      string
	Hint      string // first characters and last four, for people to tell keys apart
	CreatedAt time.Time
	RevokedAt time.Time // zero while the key is valid
}

// A secret is 43 random characters after its prefix: 256 bits. It cannot be guessed, with however fast a hash, so a
// slow one would protect nothing and cost every request. The salt keeps equal secrets in two databases from showing.
// A secret that somebody chose (ImportKey) is as safe as it is hard to guess.
const (
	secretPrefix = "sk-ep-"
	secretRandom = 43
	saltSize     = 16
	longest      = 512 // characters of a secret; whatever is longer cannot be a key
)

// CreateKey makes a key for a project and gives its secret, which cannot be had again. An unknown project is a 404
// *apierror.Error.
func (s *Store) CreateKey(ctx context.Context, projectID, name string) (key Key, secret string, err error) {
	secret = secretPrefix + randomBase62(secretRandom)
	if key, err = s.ImportKey(ctx, projectID, name, secret); err != nil {
		return Key{}, "", err
	}
	return key, secret, nil
}

// ImportKey accepts a secret that somebody else chose. Importing it again for the same project gives the key that is
// there. A secret that was revoked, that belongs to another project or that could not stand in a header (printable ASCII
// without spaces, at most 512 characters) is a 400 *apierror.Error, an unknown project a 404 one.
func (s *Store) ImportKey(ctx context.Context, projectID, name, secret string) (Key, error) {
	if secret == "" || len(secret) > longest || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Key{}, apierror.Invalidf("", "invalid_key", "A key has 1 to %d printable ASCII characters and no spaces.", longest)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails: it would end the program
	// Two programs that import one secret at the same moment agree on the row of the faster one.
	_, err := s.write.ExecContext(ctx, `
		INSERT INTO api_keys (id, project_id, name, lookup, salt, hash, hint, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (lookup) DO NOTHING`,
		newID("key_"), projectID, name, lookupOf(secret), salt, hashOf(salt, secret), hintOf(secret), now().UnixMilli())
	if isMissingReference(err) {
		return Key{}, noProject(projectID)
	}
	if err != nil {
		return Key{}, fmt.Errorf("save a key: %w", err)
	}
	s.keysVersion.Add(1) // the secret may be remembered as unknown
	key, err := s.findKey(ctx, secret)
	if err != nil {
		return Key{}, fmt.Errorf("read back a key: %w", err)
	}
	switch {
	case key.ProjectID != projectID:
		return Key{}, apierror.Invalidf("", "key_in_use", "The key %s belongs to another project; choose another.", MaskKey(secret))
	case !key.RevokedAt.IsZero():
		return Key{}, apierror.Invalidf("", "key_revoked", "The key %s was revoked; choose another.", MaskKey(secret))
	}
	return key, nil
}

// ListKeys gives a project's keys, revoked ones too, oldest first.
func (s *Store) ListKeys(ctx context.Context, projectID string) ([]Key, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT id, project_id, name, hint, created_at, revoked_at
		FROM api_keys WHERE project_id = $1 ORDER BY created_at, id`, projectID)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	defer rows.Close()
	var keys []Key
	for rows.Next() {
		key, err := scanKey(rows)
		if err != nil {
			return nil, fmt.Errorf("list keys: %w", err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// RevokeKey ends a key: here at once, in other processes on the same database within five seconds. An id that is not
// one of the project's keys is a 404 *apierror.Error; revoking twice is no error and keeps the first time.
func (s *Store) RevokeKey(ctx context.Context, projectID, id string) error {
	result, err := s.write.ExecContext(ctx, `
		UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE project_id = $2 AND id = $3`,
		now().UnixMilli(), projectID, id)
	if err != nil {
		return fmt.Errorf("revoke a key: %w", err)
	}
	s.keysVersion.Add(1)
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("revoke a key: %w", err)
	}
	if n == 0 {
		return apierror.NotFoundf("", "", "No key found with id '%s'.", id)
	}
	return nil
}

// findKey gives the key that a secret belongs to, revoked or not, and sql.ErrNoRows when there is none.
func (s *Store) findKey(ctx context.Context, secret string) (Key, error) {
	var salt, hash []byte
	row := s.read.QueryRowContext(ctx, `
		SELECT id, project_id, name, hint, created_at, revoked_at, salt, hash
		FROM api_keys WHERE lookup = $1`, lookupOf(secret))
	key, err := scanKey(row, &salt, &hash)
	if err != nil {
		return Key{}, err
	}
	if subtle.ConstantTimeCompare(hash, hashOf(salt, secret)) != 1 {
		return Key{}, sql.ErrNoRows
	}
	return key, nil
}

// scanKey reads the columns id, project_id, name, hint, created_at, revoked_at, and those of more.
func scanKey(row interface{ Scan(...any) error }, more ...any) (Key, error) {
	var key Key
	var createdAt int64
	var revokedAt sql.NullInt64
	columns := append([]any{&key.ID, &key.ProjectID, &key.Name, &key.Hint, &createdAt, &revokedAt}, more...)
	if err := row.Scan(columns...); err != nil {
		return Key{}, err
	}
	key.CreatedAt = fromMillis(createdAt)
	if revokedAt.Valid {
		key.RevokedAt = fromMillis(revokedAt.Int64)
	}
	return key, nil
}

// lookupOf is what a row is found by. The fixed text in front makes it differ from every other digest of the secret, the
// salted hash and the cache's key included, so that no one of them tells anything about another.
func lookupOf(secret string) []byte {
	sum := sha256.Sum256([]byte("everpoint key lookup\x00" + secret))
	return sum[:16]
}

func hashOf(salt []byte, secret string) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(secret))
	return h.Sum(nil)
}

// A secret shorter than this is not shown in part: too little of it would stay hidden.
const showable = 24

// MaskKey hides a secret for messages and logs: all of it, or all but the first eight and last four characters of one
// that is long enough to stay secret. Characters that could upset a terminal are hidden too.
func MaskKey(secret string) string {
	if len(secret) < showable {
		return strings.Repeat("*", len(secret))
	}
	hidden := min(len(secret)-12, 48)
	return printable(secret[:8]) + strings.Repeat("*", hidden) + printable(secret[len(secret)-4:])
}

// hintOf is MaskKey for a list: of one width.
func hintOf(secret string) string {
	if len(secret) < showable {
		return "****"
	}
	return secret[:8] + "..." + secret[len(secret)-4:]
}

func printable(text string) string {
	masked := []byte(text)
	for i, b := range masked {
		if b <= ' ' || b > '~' {
			masked[i] = '*'
		}
	}
	return string(masked)
}
