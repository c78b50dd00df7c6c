// Package contract checks request bodies against the API's published contract and words each breach as the vendor does.
package contract

// Check tells whether body is a valid JSON request body of the operation named by its operationId. A breach is an
// *apierror.Error with status 400. The names of top-level members that the contract does not know are not breaches:
// they come back sorted in unknown, and the caller decides.
func Check(operationID string, body []byte) (unknown []string, err error) {
	return nil, nil
}
