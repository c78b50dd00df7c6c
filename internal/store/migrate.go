package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrationFiles embed.FS

// migrations are the files of one dialect, and the number of the last one.
func migrations(dialect goose.Dialect) (files fs.FS, latest int64, err error) {
	folder := "migrations/sqlite"
	if dialect == goose.DialectPostgres {
		folder = "migrations/postgres"
	}
	if files, err = fs.Sub(migrationFiles, folder); err != nil {
		return nil, 0, fmt.Errorf("find the migrations: %w", err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, 0, fmt.Errorf("list the migrations: %w", err)
	}
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("the migration %s does not begin with a number", name)
		}
		latest = max(latest, version)
	}
	return files, latest, nil
}

// migrate brings the tables up to date.
//
// It asks for the version itself first: that costs one statement, where goose prepares for work that there nearly never
// is, and a server should listen within moments of its start. Two programs may open a new database at once; each
// migration is one transaction, so the slower one fails and finds on its next try that the work is done. A failure
// with no progress since the last one is real.
func (s *Store) migrate(ctx context.Context) error {
	files, latest, err := migrations(s.dialect)
	if err != nil {
		return err
	}
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("open %s: %w", s.name, err)
	}
	for tried := int64(-1); ; {
		version := s.version(ctx)
		if version == latest {
			return nil
		}
		if version > latest {
			return fmt.Errorf("%s was written by a newer everpoint (its tables have version %d, this program knows up to %d): run that version, or use another database",
				s.name, version, latest)
		}
		if err := s.runMigrations(ctx, files); err != nil && (version == tried || ctx.Err() != nil) {
			return fmt.Errorf("bring %s up to date from version %d to %d: %w", s.name, version, latest, err)
		}
		tried = version
	}
}

// version is the number of the last migration that the database has seen. It is 0 when that cannot be found out: the
// database is new, or goose meets the same obstacle and reports it.
func (s *Store) version(ctx context.Context) int64 {
	var version int64
	row := s.write.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`)
	if err := row.Scan(&version); err != nil {
		return 0
	}
	return version
}

func (s *Store) runMigrations(ctx context.Context, files fs.FS) error {
	provider, err := newProvider(s, files)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("run the migrations: %w", err)
	}
	return nil
}

func newProvider(s *Store, files fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(s.dialect, s.write, files,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
}
