package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/store"
)

// bootstrapKey is the secret of the configuration, kept as a salted hash so that comparing takes the same time for every
// wrong guess and a dump of the process's memory does not show it from here.
type bootstrapKey struct {
	salt [32]byte
	sum  [sha256.Size]byte
}

func newBootstrapKey(secret string) *bootstrapKey {
	b := &bootstrapKey{}
	_, _ = rand.Read(b.salt[:]) // never fails
	b.sum = b.hash(secret)
	return b
}

func (b *bootstrapKey) hash(secret string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, b.salt[:])
	h.Write([]byte(secret))
	h.Sum(sum[:0])
	return sum
}

func (b *bootstrapKey) matches(secret string) bool {
	sum := b.hash(secret)
	return hmac.Equal(sum[:], b.sum[:])
}

// authorize finds out whose request it is. Its errors are 401, and 403 for web pages that try to use a server without keys.
func (a *API) authorize(x *exchange, r *http.Request) (err error) {
	if x.route.public {
		return nil
	}
	if a.o.NoAuth {
		if err := a.fromHere(r); err != nil {
			return err
		}
		x.project, err = a.store.DefaultProject(r.Context())
		return err
	}
	secret := credential(r.Header)
	if secret == "" {
		x.Header().Set("Www-Authenticate", `Bearer realm="Everpoint"`)
		return &apierror.Error{
			Status: http.StatusUnauthorized, Type: apierror.TypeInvalidRequest,
			Message: "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. Make a key with: everpoint keys create",
		}
	}
	if a.bootstrap != nil && a.bootstrap.matches(secret) {
		x.key = store.Key{ID: "bootstrap"}
		x.project, err = a.store.DefaultProject(r.Context())
		return err
	}
	x.key, x.project, err = a.store.Authenticate(r.Context(), secret)
	if e, ok := apierror.As(err); ok && e.Status == http.StatusUnauthorized {
		x.Header().Set("Www-Authenticate", `Bearer realm="Everpoint"`)
	}
	return err
}

// credential is the secret that a request carries, or "": a Bearer token, the password of Basic with an empty user, or
// the api-key header of Azure's clients.
func credential(h http.Header) string {
	authorization := h.Get("Authorization")
	scheme, rest, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		if token := strings.TrimSpace(rest); token != "" {
			return token
		}
	case strings.EqualFold(scheme, "Basic"):
		r := http.Request{Header: http.Header{"Authorization": {authorization}}}
		if user, password, ok := r.BasicAuth(); ok && user == "" && password != "" {
			return password
		}
	}
	return strings.TrimSpace(h.Get("Api-Key"))
}

// fromHere keeps web pages away from a server that asks for no key: any page in the owner's browser can reach loopback,
// by a simple cross-origin POST or by a host name of its own that resolves to 127.0.0.1.
func (a *API) fromHere(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if isLoopbackHost(r.Host) && (origin == "" || isLoopbackOrigin(origin) || a.originAllowed(origin)) {
		return nil
	}
	return &apierror.Error{
		Status: http.StatusForbidden, Type: apierror.TypeInvalidRequest,
		Message: "This server asks for no key, so it answers only requests made to localhost and from localhost. Start it with keys, or list the page's origin under cors.origins.",
	}
}

func isLoopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

func isLoopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && isLoopbackHost(u.Host)
}

func (a *API) originAllowed(origin string) bool {
	return slices.Contains(a.o.CORSOrigins, "*") || slices.Contains(a.o.CORSOrigins, origin)
}

// cors adds what browsers need to let a page of another origin in, and answers their preflight, which carries no key. It
// reports whether the request has been answered.
func (a *API) cors(x *exchange, r *http.Request) bool {
	if len(a.o.CORSOrigins) == 0 {
		return false
	}
	h := x.Header()
	anyOrigin := slices.Contains(a.o.CORSOrigins, "*")
	if !anyOrigin {
		h.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	if origin == "" || !a.originAllowed(origin) {
		return false
	}
	if anyOrigin {
		h.Set("Access-Control-Allow-Origin", "*") // and never with credentials
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked) // "*" would not cover Authorization
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Access-Control-Max-Age", "600")
	x.route.pattern = "OPTIONS"
	x.WriteHeader(http.StatusNoContent)
	return true
}
