package cli

import (
	"context"
	"errors"
	"time"

	"github.com/everpoint/everpoint/internal/store"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key. Its secret is shown once and cannot be had again."`
	List   keysListCmd   `cmd:"" help:"List the keys, revoked ones too."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key. Running servers refuse it within five seconds."`
}

// keyRecord is a key for programs.
type keyRecord struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Hint      string     `json:"hint"`
	Secret    string     `json:"secret,omitempty"` // only when it was just made
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

func newKeyRecord(k store.Key) keyRecord {
	r := keyRecord{ID: k.ID, Name: k.Name, Hint: k.Hint, CreatedAt: k.CreatedAt}
	if !k.RevokedAt.IsZero() {
		r.RevokedAt = &k.RevokedAt
	}
	return r
}

// withKeys opens the database and hands it over together with the project whose keys are meant.
func (a *app) withKeys(ctx context.Context, do func(*store.Store, store.Project) error) (err error) {
	conf, err := a.config()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, conf.DatabaseURL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	project, err := db.DefaultProject(ctx)
	if err != nil {
		return err
	}
	return do(db, project)
}

type keysCreateCmd struct {
	Name string `help:"A name for people to tell keys apart." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints the secret alone on standard output, so that a script can take it as it is.
func (c *keysCreateCmd) Run(ctx context.Context, a *app) error {
	return a.withKeys(ctx, func(db *store.Store, p store.Project) error {
		key, secret, err := db.CreateKey(ctx, p.ID, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			r := newKeyRecord(key)
			r.Secret = secret
			return a.json(r)
		}
		a.printf("%s\n", secret)
		a.notef("This is the only time that the key is shown. To end it: everpoint keys revoke %s\n", key.ID)
		return nil
	})
}

type keysListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a row for each key.
func (c *keysListCmd) Run(ctx context.Context, a *app) error {
	return a.withKeys(ctx, func(db *store.Store, p store.Project) error {
		keys, err := db.ListKeys(ctx, p.ID)
		if err != nil {
			return err
		}
		records := make([]keyRecord, len(keys))
		rows := [][]string{{"ID", "NAME", "KEY", "CREATED", "REVOKED"}}
		for i, k := range keys {
			records[i] = newKeyRecord(k)
			rows = append(rows, []string{k.ID, dash(k.Name), k.Hint, date(k.CreatedAt), date(k.RevokedAt)})
		}
		if c.JSON {
			return a.json(records)
		}
		if len(keys) == 0 {
			a.notef("There are no keys yet. To make one: everpoint keys create\n")
			return nil
		}
		return a.table(rows)
	})
}

type keysRevokeCmd struct {
	ID string `arg:"" help:"The key's id, as everpoint keys list shows it (key_…)."`
}

// Run revokes; a key that is revoked already stays so.
func (c *keysRevokeCmd) Run(ctx context.Context, a *app) error {
	return a.withKeys(ctx, func(db *store.Store, p store.Project) error {
		if err := db.RevokeKey(ctx, p.ID, c.ID); err != nil {
			return err
		}
		a.printf("Revoked %s.\n", c.ID)
		return nil
	})
}
