package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
)

// Project owns keys, and later every other row. A key decides the project of a request.
type Project struct {
	ID        string // proj_…
	Name      string
	CreatedAt time.Time
}

// DefaultProject is the project of a server that nobody has divided; the first call on a database makes it. It is kept
// in memory afterwards, so a server without keys may ask at every request.
func (s *Store) DefaultProject(ctx context.Context) (Project, error) {
	if p := s.defaultProject.Load(); p != nil {
		return *p, nil
	}
	p, err := s.findDefaultProject(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		// A unique index lets one row be the default, so of two programs that get here one inserts nothing.
		_, err = s.write.ExecContext(ctx, `
			INSERT INTO projects (id, name, is_default, created_at) VALUES ($1, $2, TRUE, $3)
			ON CONFLICT DO NOTHING`, newID("proj_"), "Default project", now().UnixMilli())
		if err == nil {
			p, err = s.findDefaultProject(ctx)
		}
	}
	if err != nil {
		return Project{}, fmt.Errorf("find or make the default project: %w", err)
	}
	s.defaultProject.Store(&p)
	return p, nil
}

func (s *Store) findDefaultProject(ctx context.Context) (Project, error) {
	var p Project
	var createdAt int64
	row := s.read.QueryRowContext(ctx, `SELECT id, name, created_at FROM projects WHERE is_default`)
	if err := row.Scan(&p.ID, &p.Name, &createdAt); err != nil {
		return Project{}, err
	}
	p.CreatedAt = fromMillis(createdAt)
	return p, nil
}

// project gives a project by its id; it is a 404 *apierror.Error when there is none.
func (s *Store) project(ctx context.Context, id string) (Project, error) {
	p := Project{ID: id}
	var createdAt int64
	row := s.read.QueryRowContext(ctx, `SELECT name, created_at FROM projects WHERE id = $1`, id)
	err := row.Scan(&p.Name, &createdAt)
	if errors.Is(err, sql.ErrNoRows) {
		return Project{}, noProject(id)
	}
	if err != nil {
		return Project{}, fmt.Errorf("read a project: %w", err)
	}
	p.CreatedAt = fromMillis(createdAt)
	return p, nil
}

func noProject(id string) error {
	return apierror.NotFoundf("", "", "No project found with id '%s'.", id)
}
