// Package httpapi is the whole HTTP surface: one table of routes, the keys, the limits, and the exact shape in which the
// vendor's clients expect answers, errors and streams.
//
// It owns everything between the socket and the engines that do the work. Handlers are named after the operationIds of the
// contract, return errors, and never write an error themselves.
package httpapi

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/store"
	"github.com/everpoint/everpoint/internal/upstream"
)

// ErrStopping is the cause to cancel the context of requests with when the server's drain limit has passed: clients are
// then told about it, on streams too, instead of seeing a connection that breaks.
var ErrStopping = apierror.Unavailablef("", "The server is shutting down. Please retry in a moment.")

// Options are what an API is made of. Zero values of sizes and times mean the defaults that are named here.
type Options struct {
	Store    *store.Store       // keys and projects
	Upstream *upstream.Upstream // who answers
	Logger   *slog.Logger       // one line per request, and the causes of 500s; nil discards them

	NoAuth       bool   // no key is asked for; only requests that come from this machine's own names are served
	BootstrapKey string // a secret that is accepted besides the store's keys and belongs to the default project; may be empty
	Organization string // the openai-organization header; default "everpoint"

	CORSOrigins []string // web origins that may call: scheme://host[:port], or "*" for all; none: pages elsewhere may not

	MaxBody      int64         // largest request body in bytes; default 64 MiB
	MaxDepth     int           // deepest nesting of a JSON body; default 100
	BodyGrace    time.Duration // a body may take this long, and a second more for each BodyRate bytes of it; default 30 s
	BodyRate     int64         // bytes per second; default 4096
	WriteTimeout time.Duration // a client that takes none of an answer for this long is given up; default 60 s

	Collectors []prometheus.Collector // shown on /metrics besides the API's own figures
}

// API serves every route. It is safe for concurrent use.
type API struct {
	store     *store.Store
	upstream  *upstream.Upstream
	logger    *slog.Logger
	o         Options
	bootstrap *bootstrapKey // nil when there is none
	metrics   *metrics
	mux       *http.ServeMux
	draining  atomic.Bool
}

// New makes an API. It touches neither the network nor the database.
func New(o Options) *API {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Organization == "" {
		o.Organization = "everpoint"
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 64 << 20
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 100
	}
	if o.BodyGrace <= 0 {
		o.BodyGrace = 30 * time.Second
	}
	if o.BodyRate <= 0 {
		o.BodyRate = 4096
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = time.Minute
	}
	a := &API{store: o.Store, upstream: o.Upstream, logger: o.Logger, o: o, metrics: newMetrics(o.Collectors)}
	if o.BootstrapKey != "" {
		a.bootstrap = newBootstrapKey(o.BootstrapKey)
	}
	a.o.BootstrapKey = "" // kept only as a hash
	a.mux = newMux(a, a.routes())
	return a
}

// Drain makes /readyz answer 503 and every further answer close its connection, so that balancers and clients go
// elsewhere. Requests are still served: ending them is the HTTP server's part.
func (a *API) Drain() { a.draining.Store(true) }
