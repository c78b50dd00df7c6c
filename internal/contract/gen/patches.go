package main

import (
	"fmt"
	"maps"
	"slices"
)

// patch corrects one place of the contract before it is compiled. A nil value removes the key. The keys that begin
// with "x-" are the generator's own: x-missing, x-late, x-order and x-name become the fields of the same name of
// package schema.
type patch struct {
	at     string // path below components/schemas
	set    map[string]any
	reason string
}

func list(values ...any) []any { return values }

func ref(name string) *object { return newObject("$ref", "#/components/schemas/"+name) }

const noModel = "you must provide a model parameter"

var noMinimum = map[string]any{"minItems": nil}

// noSets lifts the demand for vector stores: servers answer file_search: {} themselves, and clients send it back.
var noSets = map[string]any{"oneOf": nil}

// lateContent is how the vendor words a chat message without content: a dotted index, no code, and only after all else
// was found in order. Anything that stands in for the content of the role is listed first to last.
func lateContent(members ...any) map[string]any {
	return map[string]any{
		"x-late": newObject("any_of", list(members...), "param", "content",
			"message", "Invalid value for 'content': expected a string, got null."),
	}
}

// requestPatches says where the contract is wrong, or less exact than the vendor's own validator, about requests.
var requestPatches = []patch{
	{"CreateChatCompletionRequest/allOf/1", map[string]any{"x-order": list("model", "messages", "functions", "function_call", "tools", "tool_choice",
		"parallel_tool_calls", "max_completion_tokens", "n", "temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs",
		"top_logprobs", "user", "seed", "moderation", "safety_identifier", "prompt_cache_options", "prompt_cache_key",
		"prompt_cache_retention", "response_format", "service_tier", "max_tokens", "reasoning_effort", "logit_bias", "stop", "stream",
		"stream_options", "store", "metadata", "prediction", "verbosity")},
		"the order in which the vendor reports several breaches of one chat request, as measured by third parties"},
	{"CreateChatCompletionRequest/allOf/1/properties/max_completion_tokens", map[string]any{"minimum": 1.0}, "the vendor answers 'Expected a value >= 1'"},
	{"CreateChatCompletionRequest/allOf/1/properties/max_tokens", map[string]any{"minimum": 1.0}, "the vendor answers 'Expected a value >= 1'"},
	{"CreateChatCompletionRequest/allOf/1/properties/logit_bias", map[string]any{"additionalProperties": newObject("type", "number", "minimum", -100.0, "maximum", 100.0)},
		"wire-facts 8: -100 to 100; the description speaks of values between -1 and 1, so decimals count"},
	{"CreateChatCompletionRequest/allOf/1/properties/tools", map[string]any{"maxItems": 128.0}, "the vendor answers array_above_max_length over 128"},
	{"CreateChatCompletionRequest/allOf/1/properties/functions", map[string]any{"x-name": "an array of function definitions"}, "the vendor's wording"},
	{"CreateChatCompletionRequest/allOf/1/properties/response_format", map[string]any{"oneOf": list(ref("ResponseFormatJsonObject"), ref("ResponseFormatJsonSchema"), ref("ResponseFormatText"))},
		"the vendor lists the types in this order"},
	{"CreateChatCompletionRequest/allOf/1/properties/model", map[string]any{"x-missing": noModel}, "the vendor's wording, without param and code; an empty name is a missing one"},
	{"ChatCompletionRequestMessage", map[string]any{"oneOf": list(ref("ChatCompletionRequestSystemMessage"), ref("ChatCompletionRequestAssistantMessage"),
		ref("ChatCompletionRequestUserMessage"), ref("ChatCompletionRequestFunctionMessage"), ref("ChatCompletionRequestToolMessage"),
		ref("ChatCompletionRequestDeveloperMessage"))}, "the vendor lists the roles in this order"},
	{"ChatCompletionRequestSystemMessage", lateContent("content"), "see lateContent"},
	{"ChatCompletionRequestUserMessage", lateContent("content"), "see lateContent"},
	{"ChatCompletionRequestToolMessage", lateContent("content"), "see lateContent"},
	{"ChatCompletionRequestFunctionMessage", lateContent("content"), "see lateContent"},
	{"ChatCompletionRequestAssistantMessage", lateContent("content", "tool_calls", "function_call", "refusal", "audio"), "see lateContent"},
	{"ChatCompletionRequestDeveloperMessage/properties/content/oneOf/1", noMinimum, "the vendor takes an empty array of parts for content"},
	{"ChatCompletionRequestSystemMessage/properties/content/oneOf/1", noMinimum, "the vendor takes an empty array of parts for content"},
	{"ChatCompletionRequestUserMessage/properties/content/oneOf/1", noMinimum, "the vendor takes an empty array of parts for content"},
	{"ChatCompletionRequestToolMessage/properties/content/oneOf/1", noMinimum, "the vendor takes an empty array of parts for content"},
	{"ChatCompletionRequestAssistantMessage/properties/content/anyOf/0/oneOf/1", noMinimum, "the vendor takes an empty array of parts for content"},
	{"ChatCompletionMessageToolCalls", map[string]any{"minItems": 1.0, "maxItems": 128.0}, "the vendor answers empty_array, and array_above_max_length over 128"},
	{"FunctionObject/properties/name", map[string]any{"pattern": "^[a-zA-Z0-9_-]+$", "minLength": 1.0, "maxLength": 64.0}, "wire-facts 8; the contract only says so in words"},
	{"ChatCompletionFunctions/properties/name", map[string]any{"pattern": "^[a-zA-Z0-9_-]+$", "minLength": 1.0, "maxLength": 64.0}, "wire-facts 8; the contract only says so in words"},
	{"Metadata/anyOf/0", map[string]any{"maxProperties": 16.0, "propertyNames": newObject("maxLength", 64.0),
		"additionalProperties": newObject("type", "string", "maxLength", 512.0)}, "wire-facts 8; the contract only says so in words"},
	{"Metadata", map[string]any{"x-name": "a metadata object"}, "the vendor's wording"},

	{"CreateCompletionRequest/properties/model", map[string]any{"x-missing": noModel}, "the vendor's wording, see the chat request"},
	{"CreateCompletionRequest", map[string]any{"required": list("model")}, "prompt has a default, so it is optional"},
	{"CreateCompletionRequest/properties/prompt/oneOf/1", map[string]any{"minItems": 1.0}, "an empty list asks for nothing; the contract refuses it for token arrays only"},
	{"CreateCompletionRequest/properties/logit_bias", map[string]any{"additionalProperties": newObject("type", "number", "minimum", -100.0, "maximum", 100.0)},
		"see the chat request"},

	{"CreateEmbeddingRequest/properties/model", map[string]any{"x-missing": noModel}, "the vendor's wording, see the chat request"},
	{"CreateEmbeddingRequest/properties/input/oneOf/0", map[string]any{"minLength": 1.0}, "wire-facts 8: no empty string"},
	{"CreateEmbeddingRequest/properties/input/oneOf/1/items", map[string]any{"minLength": 1.0}, "wire-facts 8: no empty string"},

	{"OutputTextContent", map[string]any{"required": list("type", "text")}, "SDKs send back messages of versions without logprobs; annotations and logprobs say nothing to a model"},
	{"CreateAssistantRequest/properties/tool_resources/anyOf/0/properties/file_search", noSets, "see noSets"},
	{"CreateThreadRequest/properties/tool_resources/anyOf/0/properties/file_search", noSets, "see noSets"},

	{"CompoundFilter/properties/filters/items/oneOf/1", map[string]any{"$recursiveRef": nil, "$ref": "#/components/schemas/CompoundFilter"},
		"$recursiveRef belongs to a draft of JSON Schema that OpenAPI 3.1 does not use"},
}

var orNull = map[string]any{"nullable": true}

// responsePatches says where the contract is wrong about responses: what the vendor sends breaks it.
var responsePatches = []patch{
	{"CreateCompletionResponse/properties/choices/items/properties/finish_reason", orNull, "null in all chunks of a stream but the last"},
	{"CreateCompletionResponse/properties/choices/items/properties/logprobs/anyOf/0/properties/token_logprobs/items", orNull, "with echo the first token has no probability"},
	{"CreateCompletionResponse/properties/choices/items/properties/logprobs/anyOf/0/properties/top_logprobs", orNull, "null when logprobs is 0"},
	{"CreateCompletionResponse/properties/choices/items/properties/logprobs/anyOf/0/properties/top_logprobs/items", orNull, "with echo the first token has no probability"},
	{"CreateCompletionResponse/properties/usage", orNull, "wire-facts 15.6: null in the chunks before the usage, with include_usage"},
	{"CreateCompletionResponse/properties/system_fingerprint", orNull, "null on models without one"},
	{"CreateChatCompletionResponse/properties/system_fingerprint", orNull, "null on models without one"},
	{"CreateChatCompletionStreamResponse/properties/system_fingerprint", orNull, "null on models without one"},
	{"Embedding/properties/embedding", map[string]any{"type": nil, "items": nil, "anyOf": list(newObject("type", "string"),
		newObject("type", "array", "items", newObject("type", "number")))}, "a string with encoding_format base64"},
}

// apply changes doc in place. A patch that finds no place to change is an error: the contract moved on, so look again.
func apply(doc *object, patches []patch) error {
	for _, p := range patches {
		target, ok := at(doc, "components/schemas/"+p.at).(*object)
		if !ok {
			return fmt.Errorf("patch %s: the contract has no such schema", p.at)
		}
		for _, key := range slices.Sorted(maps.Keys(p.set)) {
			if value := p.set[key]; value == nil {
				target.remove(key)
			} else {
				target.set(key, value)
			}
		}
	}
	return nil
}
