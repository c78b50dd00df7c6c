package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// openSQLite prepares both pools. No connection is made yet but for the file itself, which is created here because
// SQLite would give it the mode of the umask; its log and index files take their mode from it.
func openSQLite(path string) (*Store, error) {
	path = strings.TrimPrefix(path, "sqlite://")
	if scheme, _, found := strings.Cut(path, "://"); found {
		return nil, fmt.Errorf("the database URL begins with %q; use the path of an SQLite file, sqlite://PATH or postgres://…", scheme+"://")
	}
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, errors.New("the database needs the path of a file: an SQLite database in memory is lost with each connection")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the database file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the database's folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}

	write, err := sqlitePool(path, "_txlock", "immediate")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sqlitePool(path, "_pragma", "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	read.SetMaxIdleConns(max(4, runtime.GOMAXPROCS(0)))
	return &Store{read: read, write: write, dialect: goose.DialectSQLite3, name: "the database " + path}, nil
}

// sqlitePool puts the pragmas into the DSN, where they reach every connection of the pool; a PRAGMA statement would
// reach one of them. The driver runs busy_timeout first, so that the switch to WAL waits for another process's.
func sqlitePool(path, name, value string) (*sql.DB, error) {
	query := url.Values{"_pragma": {"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(NORMAL)"}}
	query.Add(name, value)
	// A URI, so that a "?" or "%" in a path is not taken for something else.
	uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	connector, err := sqlite.NewConnector(uri.String())
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	return sql.OpenDB(connector), nil
}
