package httpapi

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/everpoint/everpoint/internal/contract/contracttest"
)

var pathParameter = regexp.MustCompile(`\{[^}]+\}`)

// TestEveryOperationIsRoutedOrListed compares the route table with the contract: each operation in scope has a handler or
// is listed in toCome with its reason, never both, and neither has operations that the contract lacks.
func TestEveryOperationIsRoutedOrListed(t *testing.T) {
	operations := contracttest.Operations()
	if len(operations) == 0 {
		t.Fatal("there are no operations in scope")
	}
	table := map[string]string{} // operation: pattern
	for _, rt := range New(Options{}).routes() {
		if _, twice := table[rt.operation]; twice {
			t.Errorf("%s is in the table twice", rt.operation)
		}
		table[rt.operation] = rt.pattern
	}
	reasons := map[string]string{}
	for _, o := range toCome {
		reasons[o.operation] = o.reason
	}
	for _, op := range operations {
		want := op.Method + " /v1" + op.Path
		pattern, ok := table[op.ID]
		if !ok {
			t.Errorf("%s (%s) is neither routed nor listed in toCome", op.ID, want)
			continue
		}
		delete(table, op.ID)
		if pathParameter.ReplaceAllString(pattern, "{}") != pathParameter.ReplaceAllString(want, "{}") {
			t.Errorf("%s is served at %s, but the contract has %s", op.ID, pattern, want)
		}
		reason, listed := reasons[op.ID]
		if never, ok := strings.CutPrefix(op.BuiltBy, "501: "); ok && reason != never {
			t.Errorf("%s answers with the reason %q, but operations.tsv has %q", op.ID, reason, never)
		}
		if listed && reason == "" {
			t.Errorf("%s is listed without a reason", op.ID)
		}
	}
	for _, own := range []string{"getHealth", "getReadiness", "getMetrics"} {
		delete(table, own)
	}
	for id, pattern := range table {
		t.Errorf("%s (%s) is no operation in scope", id, pattern)
	}
}

// TestEveryRouteAsksForAKey walks the whole table, in both forms of the path.
func TestEveryRouteAsksForAKey(t *testing.T) {
	public := map[string]bool{"GET /healthz": true, "GET /readyz": true, "GET /metrics": true}
	s := newTestServer(t, Options{})
	for _, rt := range s.api.routes() {
		if rt.public != public[rt.pattern] {
			t.Errorf("%s: public is %v", rt.pattern, rt.public)
		}
		want := http.StatusUnauthorized
		if rt.public {
			want = http.StatusOK
		}
		method, path, _ := strings.Cut(pathParameter.ReplaceAllString(rt.pattern, "x"), " ")
		scenario{method: method, path: path, noKey: true, status: want}.run(t, s.URL)
		if !rt.public {
			scenario{method: method, path: strings.TrimPrefix(path, "/v1"), noKey: true, status: want}.run(t, s.URL)
		}
	}
}
