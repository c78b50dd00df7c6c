package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/store"
)

// exchange is one request and its answer: the ResponseWriter that handlers write to, and what the log line says.
type exchange struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration // for one write
	started time.Time

	id      string // req_…
	route   route
	project store.Project
	key     store.Key
	model   string // the name that the client asked for
	target  string // who answered

	streams  prometheus.Gauge // counts streams that are open
	stream   *stream          // the events of this answer, once the first one is sent
	status   int              // 0 until the header is written
	bytes    int64
	writeErr error  // the first failed write: everything after it fails at once
	code     string // of the error that was answered
	failed   bool   // an error came after the header
	gone     bool   // the client left
}

type exchangeKey struct{}

// of gives the exchange that a request's context belongs to; outside of a request, as in tests of parts, an empty one.
func of(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// requestID is the x-request-id of the request that ctx belongs to.
func requestID(ctx context.Context) string { return of(ctx).id }

// project is the project that the request's key belongs to.
func project(ctx context.Context) store.Project { return of(ctx).project }

// setModel notes the model that was asked for, for the log.
func setModel(ctx context.Context, model string) { of(ctx).model = model }

// setTarget notes who answers, for the log and in the header x-everpoint-target. It comes before the first byte.
func setTarget(w http.ResponseWriter, r *http.Request, target string) {
	of(r.Context()).target = target
	w.Header().Set("X-Everpoint-Target", target)
}

// Header is the answer's header.
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader sends the status once; later calls do nothing.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 {
		return
	}
	if status >= 200 {
		x.status = status
		x.Header().Set("Openai-Processing-Ms", strconv.FormatInt(time.Since(x.started).Milliseconds(), 10))
	}
	x.w.WriteHeader(status)
}

// Write sends a piece of the body. A client that takes none of it within the write timeout is given up.
func (x *exchange) Write(p []byte) (int, error) {
	if x.writeErr != nil {
		return 0, x.writeErr
	}
	x.WriteHeader(http.StatusOK)
	x.deadline(x.timeout)
	n, err := x.w.Write(p)
	x.deadline(0)
	x.bytes += int64(n)
	x.writeErr = err
	return n, err
}

// FlushError sends what is buffered; http.ResponseController calls it.
func (x *exchange) FlushError() error {
	if x.writeErr != nil {
		return x.writeErr
	}
	x.WriteHeader(http.StatusOK)
	x.deadline(x.timeout)
	err := x.rc.Flush()
	x.deadline(0)
	x.writeErr = err
	return err
}

// Unwrap lets http.ResponseController find the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }

// deadline bounds writing from now on; 0 lifts the bound. It is lifted between writes because HTTP/2 ends a stream whose
// deadline passes even while nothing is being written. Recorders of tests have none, which is no reason to fail.
func (x *exchange) deadline(d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = x.rc.SetWriteDeadline(at)
}

// pacedBody is a request body whose sender must keep a least pace: it has the grace, and a second more for every
// rate bytes. One that sends a byte a minute would otherwise hold a goroutine and a connection for ever.
type pacedBody struct {
	io.ReadCloser
	rc    *http.ResponseController
	grace time.Duration
	rate  int64
	start time.Time // of the first read
	read  int64
	ended bool // the end, or an error, was seen; the connection's read deadline is no longer ours to set
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if b.ended {
		return b.ReadCloser.Read(p)
	}
	if b.start.IsZero() {
		b.start = time.Now()
	}
	_ = b.rc.SetReadDeadline(b.start.Add(b.grace + time.Duration(b.read/b.rate)*time.Second))
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.ended = err != nil
	return n, err
}

// ServeHTTP gives a request its id and headers, answers what needs no route, and passes the rest to the route table.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{
		w: w, rc: http.NewResponseController(w), timeout: a.o.WriteTimeout, started: time.Now(), id: newRequestID(),
		route: route{pattern: "unknown"}, streams: a.metrics.streams,
	}
	ctx := context.WithValue(r.Context(), exchangeKey{}, x)
	r = r.WithContext(ctx)
	r.URL = cleanURL(r.URL)
	var body *pacedBody
	if r.Body != nil && r.Body != http.NoBody {
		body = &pacedBody{ReadCloser: r.Body, rc: x.rc, grace: a.o.BodyGrace, rate: a.o.BodyRate}
		r.Body = body
	}
	a.setHeaders(x)
	a.metrics.inFlight.Inc()
	defer func() {
		a.metrics.inFlight.Dec()
		a.finish(x, r)
		if body != nil && !body.ended {
			// The HTTP server reads on, to keep the connection; not for long.
			_ = x.rc.SetReadDeadline(time.Now().Add(min(time.Second, a.o.BodyGrace)))
		}
		x.deadline(x.timeout) // for what is still buffered
	}()
	defer a.recoverPanic(x, r)
	if a.cors(x, r) {
		return
	}
	if err := a.admit(r); err != nil {
		a.writeError(x, r, err)
		return
	}
	a.mux.ServeHTTP(x, r)
}

// serve makes an http.Handler of a route: key, then handler, then the one answer to an error.
func (a *API) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := of(r.Context())
		x.route = rt
		err := a.authorize(x, r)
		if err == nil {
			err = rt.handle(x, r)
		}
		if err != nil {
			a.writeError(x, r, err)
		}
	})
}

// setHeaders sets what every answer carries (wire-facts 3).
func (a *API) setHeaders(x *exchange) {
	h := x.Header()
	h.Set("X-Request-Id", x.id)
	h.Set("Openai-Version", "2020-10-01")
	h.Set("Openai-Organization", a.o.Organization)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Expose-Headers", "X-Request-ID, OpenAI-Processing-Ms, OpenAI-Organization, OpenAI-Version, Retry-After, X-Everpoint-Target")
	if a.draining.Load() {
		h.Set("Connection", "close")
	}
}

// admit refuses what no route should see.
func (a *API) admit(r *http.Request) error {
	id := r.Header.Get("X-Client-Request-Id")
	if len(id) > 512 {
		return apierror.Invalidf("", "", "The X-Client-Request-Id header is %d characters long; at most 512 are allowed.", len(id))
	}
	for i := range len(id) {
		if id[i] < 0x20 || id[i] > 0x7e {
			return apierror.Invalidf("", "", "The X-Client-Request-Id header may hold printable ASCII characters only.")
		}
	}
	return nil
}

// recoverPanic turns a panic into a 500, or into a broken connection when the answer had begun.
func (a *API) recoverPanic(x *exchange, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) { // the documented way to break off, so it goes on to the HTTP server
		x.failed = true
		panic(v)
	}
	a.logger.ErrorContext(r.Context(), "panic", "request_id", x.id, "route", x.route.pattern, "panic", v, "stack", string(debug.Stack()))
	e := apierror.Internal(nil) // the cause is logged
	a.writeError(x, r, e)
}

// finish logs and counts an exchange. Neither keys nor the text of messages nor query strings are logged.
func (a *API) finish(x *exchange, r *http.Request) {
	took := time.Since(x.started)
	status := x.status
	if status == 0 && x.gone {
		status = statusClientGone
	} else if status == 0 {
		status = http.StatusOK // what the HTTP server sends for a handler that wrote nothing
	}
	if x.stream != nil {
		a.metrics.streams.Dec()
	}
	a.metrics.observe(x.route.pattern, status, took)
	level := slog.LevelInfo
	if x.route.public && status < http.StatusBadRequest {
		level = slog.LevelDebug // probes and scrapes
	}
	if !a.logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", x.id), slog.String("method", r.Method), slog.String("route", x.route.pattern),
		slog.Int("status", status), slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", x.bytes),
	}
	for _, f := range []struct{ name, value string }{
		{"key", x.key.ID}, {"model", x.model}, {"target", x.target}, {"code", x.code},
		{"client_request_id", r.Header.Get("X-Client-Request-Id")},
	} {
		if f.value != "" {
			attrs = append(attrs, slog.String(f.name, f.value))
		}
	}
	if x.failed {
		attrs = append(attrs, slog.Bool("broken_off", true))
	}
	if x.gone {
		attrs = append(attrs, slog.Bool("client_gone", true))
	}
	a.logger.LogAttrs(r.Context(), level, "request", attrs...)
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return "req_" + hex.EncodeToString(b[:])
}
