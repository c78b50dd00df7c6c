package httpapi

import (
	"net/http"

	"github.com/everpoint/everpoint/internal/apierror"
)

// health is the answer of the two probes.
type health struct {
	Status string `json:"status"` // "ok"
}

// getHealth tells that the process lives. It is public, and asks nothing of the database or the engines: a restart would
// cure neither.
func (a *API) getHealth(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, health{"ok"})
}

// getReadiness tells whether requests should be sent here: 200 as soon as they are accepted, 503 while the server
// drains. It is public. Models may still be on their way: requests for them wait.
func (a *API) getReadiness(w http.ResponseWriter, r *http.Request) error {
	if a.draining.Load() {
		return apierror.Unavailablef("draining", "The server is shutting down. Send requests to another one.")
	}
	return writeJSON(w, http.StatusOK, health{"ok"})
}

// getMetrics is the page for Prometheus. It is public: it holds counts, never names of keys or texts. Put a proxy in front
// of a server on a public address to hide it.
func (a *API) getMetrics(w http.ResponseWriter, r *http.Request) error {
	a.metrics.page.ServeHTTP(w, r)
	return nil
}
