// Package upstream sends requests to the engines that answer them: it finds the target of a model name, puts a request
// into the engine's dialect, and reads the answer back piece by piece.
//
// It owns the routing by name, the HTTP to engines and the meaning of their answers. It knows nothing of the shapes in
// which httpapi answers clients, and it starts no process: local engines come from an engines.Supervisor as leases.
package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/engines"
)

// Options are what an Upstream is made of.
type Options struct {
	Names      map[string]Name     // the configured model map; it overrules the vendor's names
	Chat       string              // the local model that the vendor's chat and completion names lead to
	Embedding  string              // the local model that the vendor's embedding names lead to
	Library    *engines.Library    // local models; nil for none
	Supervisor *engines.Supervisor // runs them
	Logger     *slog.Logger
}

// Upstream answers requests by way of engines. Its methods may be called concurrently.
type Upstream struct {
	names      map[string]Name
	configured []string // the keys of names, sorted
	vendor     map[string]vendorName
	defaults   map[string]string // by kind
	library    *engines.Library
	supervisor *engines.Supervisor
	logger     *slog.Logger
	client     *http.Client
}

// New makes an Upstream.
func New(o Options) *Upstream {
	u := &Upstream{
		names: o.Names, configured: slices.Sorted(maps.Keys(o.Names)),
		vendor:   make(map[string]vendorName, len(vendorNames)),
		defaults: map[string]string{KindChat: o.Chat, KindEmbedding: o.Embedding},
		library:  o.Library, supervisor: o.Supervisor, logger: o.Logger,
		// Engines are on loopback or named by the administrator; a proxy of the environment is never asked. There is no
		// overall timeout: an answer takes as long as its tokens take, and ends with the client's request.
		client: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConns:        1024,
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		}},
	}
	for _, v := range vendorNames {
		u.vendor[v.name] = v
	}
	return u
}

// lease is a place at an engine.
type lease struct {
	url, key string
	release  func()
	fault    func(cause error) error // explains a call that failed
}

// acquire waits for a place at the target's engine. Its errors are the supervisor's, 503 and what to do.
func (u *Upstream) acquire(ctx context.Context, t *Target) (lease, error) {
	if t.url != "" {
		return lease{url: t.url, key: t.key, release: func() {}, fault: unreachable}, nil
	}
	l, err := u.supervisor.Acquire(ctx, t.Model)
	if err != nil {
		return lease{}, err
	}
	return lease{url: l.URL, key: l.Key, release: l.Release, fault: func(cause error) error { return l.Fault(cause) }}, nil
}

// post sends a JSON body and returns the answer when its status is 200, else an *apierror.Error. The caller closes the body.
func (u *Upstream) post(ctx context.Context, l lease, path string, body any) (*http.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	// The engine closes a connection that was idle for some seconds, at times just as we send on it. To work a request
	// twice does no harm, and an empty key, which is not sent, is how net/http is told so: it then sends it again.
	req.Header["Idempotency-Key"] = nil
	if l.key != "" {
		req.Header.Set("Authorization", "Bearer "+l.key)
	}
	resp, err := u.client.Do(req)
	if err != nil {
		return nil, l.failed(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, engineError(resp)
}

// ask is post for answers that are one JSON value.
func (u *Upstream) ask(ctx context.Context, l lease, path string, body, answer any) error {
	resp, err := u.post(ctx, l, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return l.failed(ctx, fmt.Errorf("reading the answer of %s: %w", path, err))
	}
	return nil
}

// failed is the error of an engine that could not be reached or that stopped in its answer. A client that went away gets
// its own context's error.
func (l lease) failed(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return l.fault(cause)
}

// unreachable is fault for an engine that somebody else runs.
func unreachable(cause error) error {
	return apierror.Upstreamf(http.StatusBadGateway, cause, "The engine of this model could not be reached, or stopped while it worked on this request. Please retry.")
}

// engineErrorBody is what llama-server says of a request that it refuses.
type engineErrorBody struct {
	Error *struct {
		Code         any    `json:"code"`
		Message      string `json:"message"`
		Type         string `json:"type"`
		PromptTokens int    `json:"n_prompt_tokens"`
		Context      int    `json:"n_ctx"`
	} `json:"error"`
}

// contextExceeded tells that a prompt is longer than the engine's context; generate and embed put it into their
// endpoint's words.
type contextExceeded struct{ tokens, context int }

func (e *contextExceeded) Error() string {
	return fmt.Sprintf("%d prompt tokens do not fit a context of %d", e.tokens, e.context)
}

// engineError reads the refusal of an engine.
func engineError(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	cause := fmt.Errorf("engine answered %s: %s", resp.Status, data)
	if err != nil {
		cause = errors.Join(cause, err)
	}
	var body engineErrorBody
	if json.Unmarshal(data, &body) == nil && body.Error != nil {
		switch body.Error.Type {
		case "exceed_context_size_error":
			return &contextExceeded{tokens: body.Error.PromptTokens, context: body.Error.Context}
		case "invalid_request_error":
			if resp.StatusCode == http.StatusBadRequest {
				e := apierror.Invalidf("", "", "The model's engine cannot do what this request asks. If it has a response_format, simplify its schema.")
				e.Err = cause
				return e
			}
		}
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		e := apierror.Upstreamf(http.StatusTooManyRequests, cause, "Rate limit reached for the engine of this model. Please try again in 1s.")
		e.Type, e.Code, e.RetryAfter = apierror.TypeRequests, "rate_limit_exceeded", time.Second
		return e
	case http.StatusServiceUnavailable:
		e := apierror.Unavailablef("", "The engine is currently overloaded, please try again later")
		e.Err, e.RetryAfter = cause, time.Second
		return e
	}
	return apierror.Internal(cause)
}
