package cli

import (
	"context"
	"errors"
)

type serveCmd struct{}

// Run is not written yet.
func (c *serveCmd) Run(ctx context.Context, a *app) error {
	return errors.New("serve: not written yet")
}

type fakeEngineCmd struct{}

// Run is not written yet.
func (c *fakeEngineCmd) Run(ctx context.Context, a *app) error {
	return errors.New("fake-engine: not written yet")
}
