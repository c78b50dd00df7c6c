package store

import (
	"context"
	"time"
)

// Project owns keys, and later every other row. A key decides the project of a request.
type Project struct {
	ID        string // proj_…
	Name      string
	CreatedAt time.Time
}

// DefaultProject is the project of a server that nobody has divided; the first call makes it.
func (s *Store) DefaultProject(ctx context.Context) (Project, error) { return Project{}, errTODO }
