package httpapi

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/openai"
)

// statusClientGone is logged and counted for a client that left before it was answered. It is never sent.
const statusClientGone = 499

// envelope is what a client is shown of e.
func envelope(e *apierror.Error) openai.ErrorResponse {
	b := openai.ErrorResponse{Error: openai.Error{Message: e.Message, Type: e.Type}}
	if e.Param != "" {
		b.Error.Param = &e.Param
	}
	if e.Code != "" {
		b.Error.Code = &e.Code
	}
	return b
}

// writeError answers err; it is the only place where an error gets a status and a shape. An error that is not an
// *apierror.Error is a fault of ours: the client gets a fixed 500, the log gets the cause. Once a stream has begun the
// error is its last event, and once any other answer has begun the connection is broken off, since an answer that
// merely ends would look whole.
func (a *API) writeError(x *exchange, r *http.Request, err error) {
	e, known := apierror.As(err)
	if r.Context().Err() != nil && (!known || errors.Is(err, context.Canceled)) {
		stop, stopping := apierror.As(context.Cause(r.Context()))
		if !stopping {
			x.gone = true
			return
		}
		e, known = stop, true
	}
	if !known {
		e = apierror.Internal(err)
	}
	x.code = e.Code
	if e.Status >= http.StatusInternalServerError && e.Err != nil {
		a.logger.ErrorContext(r.Context(), "request failed", "request_id", x.id, "route", x.route.pattern, "status", e.Status, "cause", e.Err.Error())
	}
	switch {
	case x.writeErr != nil: // nobody is there to read it
		x.gone = true
	case x.stream != nil:
		x.failed = true
		_ = x.stream.Send(envelope(e)) // a client that is gone is seen by the next write or by nobody
	case x.status != 0:
		x.failed = true
		panic(http.ErrAbortHandler)
	default:
		if e.RetryAfter > 0 {
			x.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(float64(e.RetryAfter)/float64(time.Second)))))
		}
		if e.Code == apierror.TypeQuota {
			x.Header().Set("X-Should-Retry", "false") // the official clients would retry any 429 (wire-facts 4)
		}
		if err := writeJSON(x, e.Status, envelope(e)); err != nil {
			x.gone = true
		}
	}
}
