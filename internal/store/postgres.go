package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// openPostgres prepares the pool; the first statement connects.
func openPostgres(url string) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The parser's text repeats the URL, password and all.
		return nil, errors.New("the database URL is not readable: it has the form postgres://USER:PASSWORD@HOST:PORT/NAME")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "everpoint"
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(10)
	db.SetConnMaxIdleTime(5 * time.Minute)
	name := fmt.Sprintf("the database %s on %s:%d", config.Database, config.Host, config.Port)
	return &Store{read: db, write: db, dialect: goose.DialectPostgres, name: name}, nil
}
