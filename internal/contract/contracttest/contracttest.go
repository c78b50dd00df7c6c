// Package contracttest checks recorded responses against the API's published contract. Only tests import it.
package contracttest

import (
	"net/http"
	"testing"
)

// Operation is one line of operations.tsv: an operation in this product's scope.
type Operation struct {
	Method  string // HTTP method
	Path    string // path template without /v1, such as /models/{model}
	ID      string // the contract's operationId
	BuiltBy string // what builds it, or "501: " and the reason why it never is
}

// Operations gives every operation in scope, in the order of operations.tsv.
func Operations() []Operation { return nil }

// Validate fails t unless the response is one that the contract allows for the operation at method and path.
// path is the path that was asked for, with or without /v1.
func Validate(t testing.TB, method, path string, status int, header http.Header, body []byte) {
	t.Helper()
}

// ValidateChunk fails t unless json fits the component schema of that name, such as CreateChatCompletionStreamResponse.
func ValidateChunk(t testing.TB, schemaName string, json []byte) {
	t.Helper()
}
