// Package openai is the wire vocabulary of the OpenAI API: requests, answers, stream chunks and errors, one file per
// resource. It needs nothing but the standard library and does no work.
//
// Response fields that the API sends as explicit null are pointers without omitempty.
package openai

// ErrorResponse is the body of every failed request (wire-facts 2: all four keys are always there).
type ErrorResponse struct {
	Error Error `json:"error"`
}

// Error is the vendor's description of a failure.
type Error struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}
