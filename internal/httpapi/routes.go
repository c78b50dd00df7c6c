package httpapi

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/everpoint/everpoint/internal/apierror"
)

// handlerFunc is the shape of every handler: what it returns, the one writeError answers.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// route is one line of the API map.
type route struct {
	pattern   string // method and path as http.ServeMux reads them; a path below /v1 is served without /v1 too
	operation string // the contract's operationId; for routes of our own a name in the same style
	handle    handlerFunc
	public    bool // no key is asked for
}

// routes is the API map: every path that is served, in the order of the contract.
func (a *API) routes() []route {
	table := []route{
		{"GET /healthz", "getHealth", a.getHealth, true},
		{"GET /readyz", "getReadiness", a.getReadiness, true},
		{"GET /metrics", "getMetrics", a.getMetrics, true},
		{"POST /v1/chat/completions", "createChatCompletion", a.createChatCompletion, false},
		{"POST /v1/completions", "createCompletion", a.createCompletion, false},
		{"POST /v1/embeddings", "createEmbedding", a.createEmbedding, false},
		{"GET /v1/models", "listModels", a.listModels, false},
		{"GET /v1/models/{model...}", "retrieveModel", a.retrieveModel, false},
	}
	for _, o := range toCome {
		table = append(table, route{o.pattern, o.operation, o.answer, false})
	}
	return table
}

// newMux registers every route, those below /v1 in both forms, and the answer for everything else.
func newMux(a *API, table []route) *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range table {
		mux.Handle(rt.pattern, a.serve(rt))
		method, p, _ := strings.Cut(rt.pattern, " ")
		if short, ok := strings.CutPrefix(p, "/v1/"); ok {
			mux.Handle(method+" /"+short, a.serve(rt))
		}
	}
	mux.Handle("/", a.serve(route{pattern: "unknown", operation: "unknown", handle: a.unknown, public: true}))
	return mux
}

// methods are those that unknown tries, in the order of the Allow header.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// unknown answers what no route matches: 405 when the path exists with another method, else 404.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, m := range methods {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern != "/" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		return apierror.NotFoundf("", "", "Invalid URL (%s %s)", r.Method, r.URL.Path)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	e := apierror.Invalidf("", "", "Not allowed to %s on %s. (HINT: Perhaps you meant to use a different HTTP method?)", r.Method, r.URL.Path)
	e.Status = http.StatusMethodNotAllowed
	return e
}

// cleanURL takes doubled and trailing slashes out of a path: clients whose base URL ends in a slash send them, and the
// redirect with which http.ServeMux would answer loses the body in many of them.
func cleanURL(u *url.URL) *url.URL {
	escaped := u.EscapedPath()
	cleaned := path.Clean("/" + escaped)
	if cleaned == escaped {
		return u
	}
	plain, err := url.PathUnescape(cleaned)
	if err != nil {
		return u
	}
	c := *u
	c.Path, c.RawPath = plain, cleaned
	return &c
}
