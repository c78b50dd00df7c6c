package store

import (
	"context"
	"time"
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

// CreateKey makes a key for a project and gives its secret, which cannot be had again.
func (s *Store) CreateKey(ctx context.Context, projectID, name string) (key Key, secret string, err error) {
	return Key{}, "", errTODO
}

// ImportKey accepts a secret that somebody else chose. Importing the same secret again gives the key that is there; a
// revoked one stays revoked and is an *apierror.Error.
func (s *Store) ImportKey(ctx context.Context, projectID, name, secret string) (Key, error) {
	return Key{}, errTODO
}

// ListKeys gives a project's keys, revoked ones too, oldest first.
func (s *Store) ListKeys(ctx context.Context, projectID string) ([]Key, error) { return nil, errTODO }

// RevokeKey ends a key: here at once, in other processes on the same database within five seconds. An id that is not
// the project's is a 404 *apierror.Error; revoking twice is no error.
func (s *Store) RevokeKey(ctx context.Context, projectID, id string) error { return errTODO }

// Authenticate finds the key and the project that a secret belongs to. An unknown or revoked secret is a 401
// *apierror.Error with the code invalid_api_key and the secret masked in its message.
func (s *Store) Authenticate(ctx context.Context, secret string) (Key, Project, error) {
	return Key{}, Project{}, errTODO
}

// MaskKey hides a secret for messages and logs.
func MaskKey(secret string) string { return "***" }
