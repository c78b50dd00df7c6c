package contract

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/everpoint/everpoint/internal/apierror"
)

// FuzzCheck gives every operation every body: no panic, and no error but a 400 for the client.
func FuzzCheck(f *testing.F) {
	for _, a := range accepted {
		f.Add([]byte(a.body))
	}
	for _, b := range breaches {
		f.Add([]byte(b.body))
	}
	var operations []string
	for op := range loaded().operations {
		operations = append(operations, op)
	}
	slices.Sort(operations)
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := json.Valid(body)
		for _, op := range operations {
			_, err := Check(op, body)
			if err == nil {
				if valid && !json.Valid(Integers(op, body)) {
					t.Errorf("%s: Integers broke the body", op)
				}
				if !valid && strings.TrimSpace(string(body)) != "" {
					t.Errorf("%s took what is not JSON", op)
				}
				continue
			}
			e, ok := err.(*apierror.Error)
			if !ok || e.Status != 400 || e.Type != apierror.TypeInvalidRequest || e.Message == "" {
				t.Errorf("%s: %#v", op, err)
			} else if valid && strings.HasPrefix(e.Message, "We could not parse") && !strings.HasSuffix(e.Message, "UTF-8.)") {
				t.Errorf("%s refused JSON: %s", op, e.Message)
			}
		}
	})
}
