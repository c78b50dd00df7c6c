package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// eachDatabase runs a test on a new SQLite file and on a new Postgres database.
func eachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "everpoint.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

// newPostgres makes a database on the server of EVERPOINT_TEST_POSTGRES and drops it when the test ends.
func newPostgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("EVERPOINT_TEST_POSTGRES")
	if server == "" {
		const how = `EVERPOINT_TEST_POSTGRES is not set; run: eval "$(scripts/postgres.sh start)"`
		if os.Getenv("CI") == "true" || os.Getenv("EVERPOINT_TEST_REQUIRE") == "1" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	random := make([]byte, 8)
	rand.Read(random)
	name := "everpoint_test_" + hex.EncodeToString(random)
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func newStore(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOpenAgainKeepsTheRows(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		first := newStore(t, url)
		made, err := first.DefaultProject(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // Close may be called twice
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
		}
		second := newStore(t, url)
		if err := second.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := second.DefaultProject(t.Context())
		if err != nil || found != made {
			t.Fatalf("DefaultProject = %+v, %v; want %+v", found, err, made)
		}
	})
}

func TestOpenAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		var group sync.WaitGroup
		projects := make([]Project, 8)
		for i := range projects {
			group.Go(func() {
				s, err := Open(t.Context(), url)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if projects[i], err = s.DefaultProject(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, p := range projects {
			if p != projects[0] {
				t.Fatalf("two default projects: %+v and %+v", p, projects[0])
			}
		}
	})
}

func TestOpenRefusesANewerDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		if _, err := s.write.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), url)
		const want = " was written by a newer everpoint (its tables have version 9999, this program knows up to 1): run that version, or use another database"
		if err == nil || !strings.HasPrefix(err.Error(), "the database ") || !strings.HasSuffix(err.Error(), want) {
			t.Fatalf("Open = %v, want an error that ends in %q", err, want)
		}
	})
}

func TestOpenErrors(t *testing.T) {
	folder := t.TempDir()
	notADatabase := filepath.Join(folder, "text.db")
	if err := os.WriteFile(notADatabase, []byte(strings.Repeat("This is not a database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, url, want string }{
		{"nothing", "", "the database needs the path of a file: an SQLite database in memory is lost with each connection"},
		{"memory", ":memory:", "the database needs the path of a file: an SQLite database in memory is lost with each connection"},
		{"other server", "mysql://root:hunter2@db/x", `the database URL begins with "mysql://"; use the path of an SQLite file, sqlite://PATH or postgres://…`},
		{"unreadable URL", "postgres://u:hunter2@[", "the database URL is not readable: it has the form postgres://USER:PASSWORD@HOST:PORT/NAME"},
		{"no server", "postgres://u:hunter2@127.0.0.1:1/x", "open the database x on 127.0.0.1:1: "},
		{"folder", folder, "open the database: open " + folder + ": is a directory"},
		{"text file", notADatabase, "open the database " + notADatabase + ": file is not a database"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := Open(t.Context(), row.url)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("error %q, want %q", err, row.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

func TestSQLiteFile(t *testing.T) {
	for _, row := range []struct{ prefix, file string }{
		{"", "plain.db"},
		{"sqlite://", "plain.db"},
		{"", "deep/in/folders.db"},
		{"", "100%25 odd?name#x &y=z.db"},
	} {
		t.Run(row.prefix+row.file, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), row.file)
			s := newStore(t, row.prefix+path)
			if _, err := s.DefaultProject(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{path, path + "-wal", path + "-shm"} {
				stat, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				if stat.Mode() != 0o600 {
					t.Errorf("%s has mode %v, want -rw-------", filepath.Base(name), stat.Mode())
				}
			}
		})
	}
}

// Pragmas hold for a connection: each one of both pools must have them.
func TestSQLitePragmas(t *testing.T) {
	s := newStore(t, filepath.Join(t.TempDir(), "everpoint.db"))
	ask := func(conn *sql.Conn, pragma string) (answer string) {
		if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	check := func(db *sql.DB, queryOnly string) {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() }) // not before the end, so that the pool makes a new one each time
		for pragma, want := range map[string]string{
			"busy_timeout": "10000", "foreign_keys": "1", "journal_mode": "wal", "synchronous": "1", "query_only": queryOnly,
		} {
			if got := ask(conn, pragma); got != want {
				t.Errorf("%s = %s, want %s", pragma, got, want)
			}
		}
	}
	check(s.write, "0")
	for range 3 {
		check(s.read, "1")
	}
	if most := s.write.Stats().MaxOpenConnections; most != 1 {
		t.Errorf("the write pool may have %d connections", most)
	}
}

// The two dialects' migrations are written apart: their tables, columns and indexes must be the same.
func TestMigrationsAgree(t *testing.T) {
	lite := newStore(t, filepath.Join(t.TempDir(), "everpoint.db"))
	postgres := newStore(t, newPostgres(t))

	if _, a, err := migrations(lite.dialect); err != nil {
		t.Fatal(err)
	} else if _, b, err := migrations(postgres.dialect); err != nil || a != b {
		t.Fatalf("SQLite has %d migrations, Postgres %d (%v)", a, b, err)
	}
	// The types that each side uses, by one name.
	types := map[string]string{
		"TEXT": "text", "text": "text", "INTEGER": "integer", "bigint": "integer",
		"BLOB": "bytes", "bytea": "bytes", "BOOLEAN": "boolean", "boolean": "boolean",
	}
	columns := func(s *Store, query string) (lines []string) {
		for _, row := range table(t, s.read, query) {
			kind, ok := types[row[2]]
			if !ok {
				t.Errorf("the column %s.%s has the type %s, which the other database may not have", row[0], row[1], row[2])
			}
			lines = append(lines, fmt.Sprintf("column %s.%s %s null=%s", row[0], row[1], kind, row[3]))
		}
		return lines
	}
	got := columns(lite, `
		SELECT m.name, c.name, c.type, CASE c."notnull" WHEN 1 THEN 'no' ELSE 'yes' END
		FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'goose_db_version'`)
	want := columns(postgres, `
		SELECT table_name, column_name, data_type, lower(is_nullable)
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'goose_db_version'`)
	for _, row := range table(t, lite.read, `SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`) {
		got = append(got, "index "+strings.Join(row, "."))
	}
	for _, row := range table(t, postgres.read, `
		SELECT tablename, indexname FROM pg_indexes
		WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' AND tablename <> 'goose_db_version'`) {
		want = append(want, "index "+strings.Join(row, "."))
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(got) < 10 || !slices.Equal(got, want) {
		t.Errorf("SQLite:\n%s\n\nPostgres:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// table runs a query whose columns are all text.
func table(t *testing.T, db *sql.DB, query string) (result [][]string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row := make([]string, len(names))
		fields := make([]any, len(names))
		for i := range row {
			fields[i] = &row[i]
		}
		if err := rows.Scan(fields...); err != nil {
			t.Fatal(err)
		}
		result = append(result, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return result
}

// A migration can be undone, and done again.
func TestMigrationsDown(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		files, _, err := migrations(s.dialect)
		if err != nil {
			t.Fatal(err)
		}
		provider, err := newProvider(s, files)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.DownTo(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := s.migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DefaultProject(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkOpen opens a database that is up to date, as every start of a server but the first does.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "everpoint.db")
	first := newStore(b, path)
	if _, err := first.DefaultProject(b.Context()); err != nil {
		b.Fatal(err)
	}
	first.Close()
	for b.Loop() {
		s, err := Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.DefaultProject(b.Context()); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
