// Package apierror holds the only error whose text may reach a client.
//
// Any error that is not an *Error is answered as a plain 500 and its text goes to the log alone.
package apierror

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The values of "type" in the vendor's error envelope (wire-facts 2).
const (
	TypeInvalidRequest = "invalid_request_error"
	TypeServer         = "server_error"
	TypeRequests       = "requests"
	TypeTokens         = "tokens"
	TypeQuota          = "insufficient_quota"
)

// Error is a failure that a client is told about. Message, Type, Code and Param go on the wire; Err goes to the log.
type Error struct {
	Status     int           // HTTP status
	Type       string        // one of the Type constants
	Code       string        // empty is null on the wire
	Param      string        // a JSON path such as messages[0].role; empty is null on the wire
	Message    string        // says what to do, names nothing internal
	RetryAfter time.Duration // when positive, sent as Retry-After
	Err        error         // the private cause
}

// Error is for logs; clients get Message.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.Err }

// As returns the *Error in err's chain, if there is one.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Invalidf is a 400: the request breaks a rule. param is the JSON path at fault and code the vendor's word for the
// breach; either may be empty.
func Invalidf(param, code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: TypeInvalidRequest, Param: param, Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFoundf is a 404.
func NotFoundf(param, code, format string, args ...any) *Error {
	return &Error{Status: http.StatusNotFound, Type: TypeInvalidRequest, Param: param, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ModelNotFound is the vendor's 404 for a model name that leads nowhere.
func ModelNotFound(model string) *Error {
	return NotFoundf("", "model_not_found", "The model `%s` does not exist or you do not have access to it.", model)
}

// Unavailablef is a 503: something this server needs is missing or busy.
func Unavailablef(code, format string, args ...any) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Type: TypeServer, Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotImplementedf is a documented 501 for a part of the API that this version lacks.
func NotImplementedf(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusNotImplemented, Type: TypeInvalidRequest, Code: "not_implemented", Param: param, Message: fmt.Sprintf(format, args...)}
}

// Internal is a 500 with the vendor's fixed text; cause goes to the log.
func Internal(cause error) *Error {
	return &Error{
		Status: http.StatusInternalServerError, Type: TypeServer, Err: cause,
		Message: "The server had an error while processing your request. Sorry about that! Please retry, and give the x-request-id header of this answer if it happens again.",
	}
}

// Upstreamf is a failure of a model's engine or of a remote server: 502 or the like, cause in the log.
func Upstreamf(status int, cause error, format string, args ...any) *Error {
	return &Error{Status: status, Type: TypeServer, Err: cause, Message: fmt.Sprintf(format, args...)}
}
