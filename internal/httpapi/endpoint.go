package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/contract"
	"github.com/everpoint/everpoint/internal/upstream"
)

// decode reads the JSON body of an operation: its size, encoding and nesting are bounded, it must keep the contract, and
// names that the contract does not know are refused. Its errors are *apierror.Error.
func decode[T any](a *API, r *http.Request, operationID string) (*T, error) {
	body, err := a.readJSON(r)
	if err != nil {
		return nil, err
	}
	unknown, err := contract.Check(operationID, body)
	// The vendor reports what is missing first, what is unknown next, and then what is wrong.
	if len(unknown) > 0 {
		return nil, apierror.Invalidf(unknown[0], "unknown_parameter", "Unknown parameter: '%s'.", unknown[0])
	}
	if err != nil {
		return nil, err
	}
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		// The contract takes 5.0 for an integer, which Go's parser does not.
		if err := json.Unmarshal(contract.Integers(operationID, body), &v); err != nil {
			return nil, badJSON(err)
		}
	}
	return &v, nil
}

// readJSON reads a body that has to be JSON. What it is declared as does not matter, as at the vendor, unless it is
// declared as multipart: that client uses the wrong call, and is told so. (curl -d declares its JSON a urlencoded form.)
func (a *API) readJSON(r *http.Request) ([]byte, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what cannot be parsed is treated as JSON
	if kind == "multipart/form-data" {
		return nil, apierror.Invalidf("", "", "This endpoint takes a JSON body, but the request's Content-Type is '%s'. Send the parameters as one JSON object with 'Content-Type: application/json'.", kind)
	}
	body, err := a.readBody(r)
	if err != nil {
		return nil, err
	}
	if deeper(body, a.o.MaxDepth) {
		return nil, apierror.Invalidf("", "", "The JSON body of your request is nested too deeply: at most %d levels are allowed.", a.o.MaxDepth)
	}
	return body, nil
}

// readBody reads a whole body within the limits. One that declares a length over the limit is refused unread.
func (a *API) readBody(r *http.Request) ([]byte, error) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		e := apierror.Invalidf("", "", "Content-Encoding '%.40s' is not supported. Send the body uncompressed.", enc)
		e.Status = http.StatusUnsupportedMediaType
		return nil, e
	}
	if r.ContentLength > a.o.MaxBody {
		return nil, tooLarge(a.o.MaxBody, r.ContentLength)
	}
	var body bytes.Buffer
	// Room is made for what is declared, up to a size that a liar may cost us.
	body.Grow(int(min(max(r.ContentLength, 0), 1<<20)) + bytes.MinRead)
	_, err := body.ReadFrom(io.LimitReader(r.Body, a.o.MaxBody+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		e := apierror.Invalidf("", "", "The body of your request arrived too slowly. Please retry.")
		e.Status = http.StatusRequestTimeout
		return nil, e
	case err != nil:
		e := apierror.Invalidf("", "", "The body of your request could not be read to its end. Please retry.")
		e.Err = err
		return nil, e
	case int64(body.Len()) > a.o.MaxBody:
		return nil, tooLarge(a.o.MaxBody, int64(body.Len()))
	}
	return body.Bytes(), nil
}

func tooLarge(limit, size int64) error {
	return &apierror.Error{
		Status: http.StatusRequestEntityTooLarge, Type: apierror.TypeServer,
		Message: fmt.Sprintf("Maximum content size limit (%d) exceeded (%d bytes read)", limit, size),
	}
}

// badJSON is the vendor's answer to a body that is not JSON, with the reason, which the vendor leaves out.
func badJSON(cause error) error {
	e := apierror.Invalidf("", "", "We could not parse the JSON body of your request. (HINT: the API expects a JSON object: %s.)", cause)
	e.Err = cause
	return e
}

// deeper tells whether brackets outside strings are nested deeper than limit. The contract's check has a limit of its own;
// this one is the configuration's. Bodies that are not JSON get some answer here; that check refuses them.
func deeper(body []byte, limit int) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// writeJSON answers with v. The error is v's, or the client's that went away; nothing has been written in the first case.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	data, err := marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(data)
	return err
}

// marshal is json.Marshal without the escapes of <, > and &, which real answers do not have.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// route finds the target of a model name and tells it to the client and to the log.
func (a *API) route(w http.ResponseWriter, r *http.Request, model, kind string) (*upstream.Target, error) {
	target, err := a.upstream.Route(model, kind)
	if err != nil {
		return nil, err
	}
	setModel(r.Context(), model)
	setTarget(w, r, target.Model)
	return target, nil
}

// number gives the value of an optional number, or what stands for its absence.
func number[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// unsupported is the vendor's refusal of a parameter that a model does not have.
func unsupported(param string) error {
	return apierror.Invalidf(param, "unsupported_parameter", "Unsupported parameter: '%s' is not supported with this model.", param)
}

// index writes the JSON path of an element.
func index(param string, i int) string { return fmt.Sprintf("%s[%d]", param, i) }
