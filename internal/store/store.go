// Package store owns every SQL statement and both databases: SQLite for one machine, Postgres for more. The statements
// have one text for both; only migrations are written twice. It knows nothing of HTTP.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
	"github.com/pressly/goose/v3"
)

// Store is an open, migrated database. It is safe for concurrent use.
//
// SQLite lets one connection write at a time, so writes queue for a pool of one connection instead of failing as busy,
// and reads have a pool of their own. On Postgres both are the same pool.
type Store struct {
	read, write *sql.DB
	dialect     goose.Dialect
	name        string // for messages: which database this is, without its password

	authenticated  *otter.Cache[digest, authentication]
	keysVersion    atomic.Uint64 // grows with every change of keys made here; older cache entries count for nothing
	defaultProject atomic.Pointer[Project]
}

// Open opens the database at url and brings its tables up to date. A url with the scheme postgres or postgresql is a
// Postgres server's; anything else is the path of an SQLite file, with or without "sqlite://" in front, which is made
// (readable by its owner alone) when it is missing. A database that a newer program has migrated is refused.
func Open(ctx context.Context, url string) (*Store, error) { return open(ctx, url, nil) }

// open is Open with the clock of the cache, for tests; nil is the real one.
func open(ctx context.Context, url string, clock otter.Clock) (*Store, error) {
	connect := openSQLite
	if isPostgres(url) {
		connect = openPostgres
	}
	s, err := connect(url)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.authenticated, err = newAuthenticationCache(clock); err != nil {
		return nil, errors.Join(fmt.Errorf("make the cache of keys: %w", err), s.Close())
	}
	return s, nil
}

// Close waits for running statements and closes the database. It may be called twice.
func (s *Store) Close() error {
	if s.authenticated != nil {
		s.authenticated.StopAllGoroutines()
	}
	if s.read == s.write {
		return s.write.Close()
	}
	// The reader goes first: SQLite tidies its log away when the last connection, which must be able to write, closes.
	return errors.Join(s.read.Close(), s.write.Close())
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read.PingContext(ctx); err != nil {
		return fmt.Errorf("ask the database for a sign of life: %w", err)
	}
	return nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}
