package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/everpoint/everpoint/internal/apierror"
)

// How long an answer is remembered. Five seconds is how late another process's revocation may take effect; an unknown
// secret is remembered for a shorter time, because its owner may be making the key at this moment.
const (
	rememberKnown   = 5 * time.Second
	rememberUnknown = time.Second
	rememberMost    = 10_000 // answers, of about half a kilobyte
)

// digest is the SHA-256 of a secret: the cache holds no secrets.
type digest [sha256.Size]byte

// authentication is a remembered answer. Without a key it says that the secret is unknown or revoked.
type authentication struct {
	key     Key
	project Project
	known   bool
	version uint64 // of the keys when the database was asked
}

// newAuthenticationCache makes a cache whose admission goes by frequency of use, so a flood of invented secrets does not
// drive out the keys in use.
func newAuthenticationCache(clock otter.Clock) (*otter.Cache[digest, authentication], error) {
	return otter.New(&otter.Options[digest, authentication]{
		MaximumSize: rememberMost,
		Clock:       clock,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(entry otter.Entry[digest, authentication]) time.Duration {
			if entry.Value.known {
				return rememberKnown
			}
			return rememberUnknown
		}),
	})
}

// Authenticate finds the key and the project that a secret belongs to. An unknown or revoked secret is a 401
// *apierror.Error with the code invalid_api_key and the secret masked in its message. Answers are remembered for up to
// five seconds, those about unknown secrets for one; what this process changes counts at once.
func (s *Store) Authenticate(ctx context.Context, secret string) (Key, Project, error) {
	if secret == "" || len(secret) > longest {
		return Key{}, Project{}, invalidKey(secret)
	}
	id := digest(sha256.Sum256([]byte(secret)))
	version := s.keysVersion.Load()
	answer, found := s.authenticated.GetIfPresent(id)
	if !found || answer.version != version {
		var err error
		if answer, err = s.askForKey(ctx, secret); err != nil {
			return Key{}, Project{}, err
		}
		// The version is the one from before the question: a key revoked meanwhile is asked about again.
		answer.version = version
		s.authenticated.Set(id, answer)
	}
	if !answer.known {
		return Key{}, Project{}, invalidKey(secret)
	}
	return answer.key, answer.project, nil
}

func (s *Store) askForKey(ctx context.Context, secret string) (authentication, error) {
	key, err := s.findKey(ctx, secret)
	if errors.Is(err, sql.ErrNoRows) {
		return authentication{}, nil
	}
	if err != nil {
		return authentication{}, fmt.Errorf("look up a key: %w", err)
	}
	if !key.RevokedAt.IsZero() {
		return authentication{}, nil
	}
	project, err := s.project(ctx, key.ProjectID)
	if err != nil {
		return authentication{}, fmt.Errorf("look up the project of the key %s: %w", key.ID, err)
	}
	return authentication{key: key, project: project, known: true}, nil
}

// invalidKey has the vendor's wording, so that programs that search the text for its parts find them.
func invalidKey(secret string) error {
	return &apierror.Error{
		Status: http.StatusUnauthorized, Type: apierror.TypeInvalidRequest, Code: "invalid_api_key",
		Message: fmt.Sprintf("Incorrect API key provided: %s. You can find your API key at https://platform.openai.com/account/api-keys.", MaskKey(secret)),
	}
}
