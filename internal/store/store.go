// Package store owns every SQL statement and both databases: SQLite for one machine, Postgres for more. The statements
// have one text for both; only migrations are written twice. It knows nothing of HTTP.
package store

import (
	"context"
	"errors"
)

// Store is an open, migrated database. It is safe for concurrent use.
type Store struct{}

var errTODO = errors.New("store: not written yet")

// Open opens the database at url and brings its tables up to date. A url with the scheme postgres or postgresql is a
// Postgres server's; anything else is the path of an SQLite file, with or without "sqlite://" in front, which is made
// (readable by its owner alone) when it is missing. A database that a newer program has migrated is refused.
func Open(ctx context.Context, url string) (*Store, error) { return nil, errTODO }

// Close waits for running statements and closes the database. It may be called twice.
func (s *Store) Close() error { return nil }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return errTODO }
