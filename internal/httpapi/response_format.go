package httpapi

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/schema"
	"github.com/everpoint/everpoint/internal/upstream"
	"github.com/everpoint/everpoint/openai"
)

// responseFormat is what a request asks of the text of its answers. The zero value asks nothing.
type responseFormat struct {
	schema   json.RawMessage // what the answer must satisfy; nil for free text
	grammar  string          // the schema as the engine wants it
	compiled *schema.Schema
	object   bool // json_object: any object will do, and the messages must speak of JSON
}

var formatName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// parseResponseFormat checks a response_format by the vendor's rules.
func parseResponseFormat(f *openai.ResponseFormat) (responseFormat, error) {
	if f == nil {
		return responseFormat{}, nil
	}
	switch f.Type {
	case "text":
		return responseFormat{}, nil
	case "json_object":
		grammar, compiled, err := constrain(schema.Object)
		return responseFormat{schema: schema.Object, grammar: grammar, compiled: compiled, object: true}, err
	}
	if f.JSONSchema == nil {
		return responseFormat{}, apierror.Invalidf("response_format.json_schema", "missing_required_parameter", "Missing required parameter: 'response_format.json_schema'.")
	}
	s := f.JSONSchema
	if !formatName.MatchString(s.Name) {
		return responseFormat{}, apierror.Invalidf("response_format.json_schema.name", "invalid_value",
			"Invalid 'response_format.json_schema.name': expected 1 to 64 letters, digits, underscores and dashes.")
	}
	if !given(s.Schema) {
		return responseFormat{}, apierror.Invalidf("response_format.json_schema.schema", "missing_required_parameter", "Missing required parameter: 'response_format.json_schema.schema'.")
	}
	invalid := func(err error) error {
		return apierror.Invalidf("response_format", "invalid_json_schema", "Invalid schema for response_format '%s': %s", s.Name, strings.TrimSuffix(err.Error(), ".")+".")
	}
	if number(s.Strict, false) {
		if err := schema.CheckStrict(s.Schema); err != nil {
			return responseFormat{}, invalid(err)
		}
	}
	grammar, compiled, err := constrain(s.Schema)
	if err != nil {
		return responseFormat{}, invalid(err)
	}
	return responseFormat{schema: s.Schema, grammar: grammar, compiled: compiled}, nil
}

// constrain gives a schema in both forms that an answer needs: the grammar that it is decoded under, and the check of
// what came out.
func constrain(raw json.RawMessage) (grammar string, compiled *schema.Schema, err error) {
	if compiled, err = schema.Compile(raw); err != nil {
		return "", nil, err
	}
	grammar, err = schema.Grammar(raw)
	return grammar, compiled, err
}

// prepare makes the conversation fit the format: json_object demands the vendor's word in the messages, and a schema is
// shown to the model, which otherwise would see only the grammar refuse its words.
func (f responseFormat) prepare(messages *[]upstream.Message) error {
	switch {
	case f.schema == nil:
		return nil
	case f.object:
		if !slices.ContainsFunc(*messages, func(m upstream.Message) bool { return strings.Contains(strings.ToLower(m.Text), "json") }) {
			return apierror.Invalidf("messages", "", "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.")
		}
		return nil
	}
	note := "Answer with one JSON value that satisfies this JSON Schema, and with nothing else:\n" + string(f.schema)
	if len(*messages) > 0 && (*messages)[0].Role == "system" {
		(*messages)[0].Text += "\n\n" + note
		return nil
	}
	*messages = slices.Insert(*messages, 0, upstream.Message{Role: "system", Text: note})
	return nil
}

// check refuses a finished answer that does not satisfy the format. The grammar makes that rare: what is left are the
// rules that schema.Grammar names as not enforced.
func (f responseFormat) check(text string) error {
	if f.compiled == nil {
		return nil
	}
	if err := f.compiled.Check(text); err != nil {
		return apierror.Upstreamf(http.StatusBadGateway, err, "The model's answer does not satisfy the response_format (%s). Retry, or simplify the schema.", err)
	}
	return nil
}

// strictText tells whether check needs the whole text.
func (f responseFormat) strictText() bool { return f.compiled != nil }
