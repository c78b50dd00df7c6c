package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/store"
)

// makeFirstKey makes a key for a database that has none, so that a new server can be used. The secret is kept in the
// file "key" of the data folder, readable by its owner alone. It is "" when there are keys, or when requests get in otherwise.
func makeFirstKey(ctx context.Context, s *store.Store, cfg config.Config) (string, error) {
	if !cfg.Auth || cfg.BootstrapKey != "" {
		return "", nil
	}
	project, err := s.DefaultProject(ctx)
	if err != nil {
		return "", err
	}
	keys, err := s.ListKeys(ctx, project.ID) // revoked ones count: who revoked the last one wants nobody in
	if err != nil || len(keys) > 0 {
		return "", err
	}
	// The file is opened before the key is made: a folder that cannot be written to must not cost the only chance to
	// see the secret.
	path := filepath.Join(cfg.Data, "key")
	f, err := os.CreateTemp(cfg.Data, "key-*") // 0600
	if err != nil {
		return "", fmt.Errorf("the first key cannot be kept in the data folder: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // does nothing once it is renamed
	_, secret, err := s.CreateKey(ctx, project.ID, "first key")
	if err != nil {
		return "", errors.Join(err, f.Close())
	}
	_, err = f.WriteString(secret + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("the first key could not be written to %s. Make room, then make another with: everpoint keys create: %w", path, err)
	}
	return secret, nil
}
