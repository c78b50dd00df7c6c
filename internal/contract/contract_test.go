package contract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/everpoint/everpoint/internal/apierror"
)

// chat puts members beside a valid model and valid messages.
func chat(members string) string {
	return `{"model":"m","messages":[{"role":"user","content":"hi"}],` + members + `}`
}

// messages makes a chat request of messages.
func messages(list string) string { return `{"model":"m","messages":[` + list + `]}` }

const roles = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'"

// breaches are bodies and the answers to them, in the vendor's words as far as these are known.
var breaches = []struct {
	op, body             string
	param, code, message string
}{
	// The request as a whole.
	{"createChatCompletion", ``, "", "", "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON: it ends too early.)"},
	{"createChatCompletion", `{"model":`, "", "", "…it ends too early.)"},
	{"createChatCompletion", `{"model":"m",}`, "", "", "…there is an unexpected '}' at byte 14.)"},
	{"createChatCompletion", `{"model":"m"} {}`, "", "", "…there is an unexpected '{' at byte 15.)"},
	{"createChatCompletion", `{'model':"m"}`, "", "", `…there is an unexpected '\'' at byte 2.)`},
	{"createChatCompletion", `{"n":01}`, "", "", "…there is an unexpected '1' at byte 7.)"},
	{"createChatCompletion", `{"n":NaN}`, "", "", "…there is an unexpected 'N' at byte 6.)"},
	{"createChatCompletion", "{\"model\":\"a\nb\"}", "", "", `…there is an unexpected '\n' at byte 12.)`},
	{"createChatCompletion", "{\"model\":\"\xff\"}", "", "", "…it is not valid UTF-8.)"},
	{"createChatCompletion", `[]`, "", "invalid_type", "Invalid type for the request body: expected an object, but got an array instead."},
	{"createChatCompletion", `null`, "", "invalid_type", "Invalid type for the request body: expected an object, but got null instead."},
	{"createChatCompletion", `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "", "", "The JSON body of your request nests deeper than 100 levels. Send a flatter one."},

	// Missing parameters.
	{"createChatCompletion", `{}`, "", "", "you must provide a model parameter"},
	{"createChatCompletion", `{"model":null,"messages":[]}`, "", "", "you must provide a model parameter"},
	{"createChatCompletion", `{"model":"","messages":[]}`, "", "", "you must provide a model parameter"},
	{"createChatCompletion", `{"model":"m"}`, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."},
	{"createChatCompletion", messages(`{"content":"hi"}`), "messages[0].role", "missing_required_parameter", "Missing required parameter: 'messages[0].role'."},
	{"createChatCompletion", messages(`{"role":"user","content":[{"text":"hi"}]}`), "messages[0].content[0].type", "missing_required_parameter", "Missing required parameter: 'messages[0].content[0].type'."},
	{"createChatCompletion", messages(`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]}`), "messages[0].content[1].image_url", "missing_required_parameter", "Missing required parameter: 'messages[0].content[1].image_url'."},
	{"createChatCompletion", messages(`{"role":"user","content":"a"},{"role":"developer"}`), "messages[1].content", "missing_required_parameter", "Missing required parameter: 'messages[1].content'."},
	{"createChatCompletion", messages(`{"role":"tool","content":"a"}`), "messages[0].tool_call_id", "missing_required_parameter", "Missing required parameter: 'messages[0].tool_call_id'."},
	{"createChatCompletion", chat(`"response_format":{}`), "response_format.type", "missing_required_parameter", "Missing required parameter: 'response_format.type'."},
	{"createChatCompletion", chat(`"response_format":{"type":"json_schema"}`), "response_format.json_schema", "missing_required_parameter", "Missing required parameter: 'response_format.json_schema'."},
	{"createChatCompletion", chat(`"response_format":{"type":"json_schema","json_schema":{}}`), "response_format.json_schema.name", "missing_required_parameter", "Missing required parameter: 'response_format.json_schema.name'."},
	{"createChatCompletion", chat(`"tools":[{"type":"function"}]`), "tools[0].function", "missing_required_parameter", "Missing required parameter: 'tools[0].function'."},
	{"createChatCompletion", chat(`"tools":[{"type":"function","function":{"parameters":{}}}]`), "tools[0].function.name", "missing_required_parameter", "Missing required parameter: 'tools[0].function.name'."},
	{"createChatCompletion", chat(`"functions":[{"parameters":{}}]`), "functions[0].name", "missing_required_parameter", "Missing required parameter: 'functions[0].name'."},
	{"createChatCompletion", chat(`"function_call":{}`), "function_call.name", "missing_required_parameter", "Missing required parameter: 'function_call.name'."},
	{"createEmbedding", `{"model":"m"}`, "input", "missing_required_parameter", "Missing required parameter: 'input'."},
	{"createEmbedding", `{"input":"a"}`, "", "", "you must provide a model parameter"},

	// The content of messages, which the vendor looks at last.
	{"createChatCompletion", messages(`{"role":"user"}`), "messages.[0].content", "", "Invalid value for 'content': expected a string, got null."},
	{"createChatCompletion", messages(`{"role":"user","content":null}`), "messages.[0].content", "", "Invalid value for 'content': expected a string, got null."},
	{"createChatCompletion", messages(`{"role":"user","content":"a"},{"role":"assistant","refusal":null,"tool_calls":null,"function_call":null}`), "messages.[1].content", "", "Invalid value for 'content': expected a string, got null."},
	{"createChatCompletion", messages(`{"role":"user"},{"role":"user","content":7}`), "messages[1].content", "invalid_type", "Invalid type for 'messages[1].content': expected one of a string or array of objects, but got an integer instead."},
	{"createChatCompletion", messages(`{"role":"system","audio":{"id":"a"}}`), "messages.[0].content", "", "Invalid value for 'content': expected a string, got null."},
	{"createChatCompletion", messages(`{"role":"function","name":"f","content":null}`), "messages.[0].content", "", "Invalid value for 'content': expected a string, got null."},

	// Types.
	{"createChatCompletion", `{"model":7,"messages":[{"role":"user","content":"a"}]}`, "model", "invalid_type", "Invalid type for 'model': expected a string, but got an integer instead."},
	{"createChatCompletion", `{"model":"m","messages":"ping"}`, "messages", "invalid_type", "Invalid type for 'messages': expected an array of objects, but got a string instead."},
	{"createChatCompletion", `{"model":"m","messages":null}`, "messages", "invalid_type", "Invalid type for 'messages': expected an array of objects, but got null instead."},
	{"createChatCompletion", messages(`"ping"`), "messages[0]", "invalid_type", "Invalid type for 'messages[0]': expected an object, but got a string instead."},
	{"createChatCompletion", messages(`{"role":"user","content":{}}`), "messages[0].content", "invalid_type", "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an object instead."},
	{"createChatCompletion", messages(`{"role":"developer","content":null}`), "messages[0].content", "invalid_type", "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got null instead."},
	{"createChatCompletion", messages(`{"role":"user","content":[{"type":"image_url","image_url":"https://x/y.png"}]}`), "messages[0].content[0].image_url", "invalid_type", "Invalid type for 'messages[0].content[0].image_url': expected an object, but got a string instead."},
	{"createChatCompletion", messages(`{"role":null,"content":"a"}`), "messages[0].role", "invalid_type", "Invalid type for 'messages[0].role': expected one of " + strings.Replace(roles, "and", "or", 1) + ", but got null instead."},
	{"createChatCompletion", messages(`{"role":"assistant","content":"x","tool_calls":"x"}`), "messages[0].tool_calls", "invalid_type", "Invalid type for 'messages[0].tool_calls': expected an array of objects, but got a string instead."},
	{"createChatCompletion", messages(`{"role":"user","content":"x","name":{}}`), "messages[0].name", "invalid_type", "Invalid type for 'messages[0].name': expected a string, but got an object instead."},
	{"createChatCompletion", chat(`"n":"2"`), "n", "invalid_type", "Invalid type for 'n': expected an integer, but got a string instead."},
	{"createChatCompletion", chat(`"temperature":"hot"`), "temperature", "invalid_type", "Invalid type for 'temperature': expected a decimal, but got a string instead."},
	{"createChatCompletion", chat(`"store":"yes"`), "store", "invalid_type", "Invalid type for 'store': expected a boolean, but got a string instead."},
	{"createChatCompletion", chat(`"seed":1.5`), "seed", "invalid_type", "Invalid type for 'seed': expected an integer, but got a decimal number instead."},
	{"createChatCompletion", chat(`"user":{"a":1}`), "user", "invalid_type", "Invalid type for 'user': expected a string, but got an object instead."},
	{"createChatCompletion", chat(`"tools":"none"`), "tools", "invalid_type", "Invalid type for 'tools': expected an array of objects, but got a string instead."},
	{"createChatCompletion", chat(`"functions":"x"`), "functions", "invalid_type", "Invalid type for 'functions': expected an array of function definitions, but got a string instead."},
	{"createChatCompletion", chat(`"tool_choice":7`), "tool_choice", "invalid_type", "Invalid type for 'tool_choice': expected one of one of 'none', 'auto', or 'required' or object, but got an integer instead."},
	{"createChatCompletion", chat(`"response_format":"json"`), "response_format", "invalid_type", "Invalid type for 'response_format': expected an object, but got a string instead."},
	{"createChatCompletion", chat(`"metadata":"x"`), "metadata", "invalid_type", "Invalid type for 'metadata': expected a metadata object, but got a string instead."},
	{"createChatCompletion", chat(`"metadata":{"k":7}`), "metadata.k", "invalid_type", "Invalid type for 'metadata.k': expected a string, but got an integer instead."},
	{"createChatCompletion", chat(`"metadata":{"k":null}`), "metadata.k", "invalid_type", "Invalid type for 'metadata.k': expected a string, but got null instead."},
	{"createChatCompletion", chat(`"prompt_cache_retention":{"a":1}`), "prompt_cache_retention", "invalid_type", "Invalid type for 'prompt_cache_retention': expected one of 'in_memory' or '24h', but got an object instead."},
	{"createChatCompletion", chat(`"stream_options":"x"`), "stream_options", "invalid_type", "Invalid type for 'stream_options': expected an object, but got a string instead."},
	{"createChatCompletion", chat(`"stop":["a",7]`), "stop[1]", "invalid_type", "Invalid type for 'stop[1]': expected a string, but got an integer instead."},
	{"createChatCompletion", chat(`"stop":7`), "stop", "invalid_type", "Invalid type for 'stop': expected one of a string or array of strings, but got an integer instead."},
	{"createChatCompletion", chat(`"logit_bias":{"50256":"x"}`), "logit_bias.50256", "invalid_type", "Invalid type for 'logit_bias.50256': expected a decimal, but got a string instead."},
	{"createCompletion", `{"model":"m","prompt":{}}`, "prompt", "invalid_type", "Invalid type for 'prompt': expected one of a string, array of strings, array of integers, or array of arrays, but got an object instead."},
	{"createCompletion", `{"model":"m","prompt":["a",1]}`, "prompt[1]", "invalid_type", "Invalid type for 'prompt[1]': expected a string, but got an integer instead."},
	{"createCompletion", `{"model":"m","prompt":[[1,"a"]]}`, "prompt[0][1]", "invalid_type", "Invalid type for 'prompt[0][1]': expected an integer, but got a string instead."},
	{"createCompletion", `{"model":"m","prompt":[true]}`, "prompt[0]", "invalid_type", "Invalid type for 'prompt[0]': expected one of a string, integer, or array of integers, but got a boolean instead."},

	// Values.
	{"createChatCompletion", messages(`{"role":"bogus","content":"a"}`), "messages[0].role", "invalid_value", "Invalid value: 'bogus'. Supported values are: " + roles + "."},
	{"createChatCompletion", messages(`{"role":"user"},{"role":"bogus"}`), "messages[1].role", "invalid_value", "Invalid value: 'bogus'. Supported values are: " + roles + "."},
	{"createChatCompletion", messages(`{"role":"user","content":[{"type":"input_file"}]}`), "messages[0].content[0].type", "invalid_value", "Invalid value: 'input_file'. Supported values are: 'text', 'image_url', 'input_audio', and 'file'."},
	{"createChatCompletion", chat(`"service_tier":"bogus"`), "service_tier", "invalid_value", "Invalid value: 'bogus'. Supported values are: 'auto', 'default', 'flex', 'scale', 'priority', and 'fast'."},
	{"createChatCompletion", chat(`"response_format":{"type":"bogus"}`), "response_format.type", "invalid_value", "Invalid value: 'bogus'. Supported values are: 'json_object', 'json_schema', and 'text'."},
	{"createChatCompletion", chat(`"tools":[{"type":"code_interpreter"}]`), "tools[0].type", "invalid_value", "Invalid value: 'code_interpreter'. Supported values are: 'function' and 'custom'."},
	{"createChatCompletion", chat(`"tool_choice":"bogus"`), "tool_choice", "invalid_value", "Invalid value: 'bogus'. Supported values are: 'none', 'auto', and 'required'."},
	{"createChatCompletion", chat(`"verbosity":"a secret that must not come back whole"`), "verbosity", "invalid_value", "Invalid value: 'a s...ole'. Supported values are: 'low', 'medium', and 'high'."},
	{"createChatCompletion", chat(`"verbosity":"\u0062ogus"`), "verbosity", "invalid_value", "Invalid value: 'bogus'. Supported values are: 'low', 'medium', and 'high'."},
	{"createChatCompletion", chat(`"tools":[{"type":"function","function":{"name":"a b"}}]`), "tools[0].function.name", "invalid_value", "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."},
	{"createEmbedding", `{"model":"m","input":"a","encoding_format":"hex"}`, "encoding_format", "invalid_value", "Invalid value: 'hex'. Supported values are: 'float' and 'base64'."},

	// Limits.
	{"createChatCompletion", chat(`"n":0`), "n", "integer_below_min_value", "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead."},
	{"createChatCompletion", chat(`"n":129`), "n", "integer_above_max_value", "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 129 instead."},
	{"createChatCompletion", chat(`"max_tokens":-1`), "max_tokens", "integer_below_min_value", "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got -1 instead."},
	{"createChatCompletion", chat(`"max_tokens":1e30`), "max_tokens", "integer_above_max_value", "Invalid 'max_tokens': integer above maximum value. Expected a value <= 9223372036854775807, but got 1e30 instead."},
	{"createChatCompletion", chat(`"max_tokens":9223372036854775808`), "max_tokens", "integer_above_max_value", "…but got 9223372036854775808 instead."},
	{"createChatCompletion", chat(`"max_tokens":1e999`), "max_tokens", "integer_above_max_value", "…but got 1e999 instead."},
	{"createChatCompletion", chat(`"max_completion_tokens":0`), "max_completion_tokens", "integer_below_min_value", "Invalid 'max_completion_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead."},
	{"createChatCompletion", chat(`"top_logprobs":21`), "top_logprobs", "integer_above_max_value", "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got 21 instead."},
	{"createChatCompletion", chat(`"temperature":3`), "temperature", "decimal_above_max_value", "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead."},
	{"createChatCompletion", chat(`"temperature":-2.5`), "temperature", "decimal_below_min_value", "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -2.5 instead."},
	{"createChatCompletion", chat(`"presence_penalty":-3`), "presence_penalty", "decimal_below_min_value", "Invalid 'presence_penalty': decimal below minimum value. Expected a value >= -2, but got -3 instead."},
	{"createChatCompletion", chat(`"logit_bias":{"1":101}`), "logit_bias.1", "decimal_above_max_value", "Invalid 'logit_bias.1': decimal above maximum value. Expected a value <= 100, but got 101 instead."},
	{"createChatCompletion", chat(`"safety_identifier":"` + strings.Repeat("é", 65) + `"`), "safety_identifier", "string_above_max_length", "Invalid 'safety_identifier': string too long. Expected a string with maximum length 64, but got a string with length 65 instead."},
	{"createChatCompletion", chat(`"tools":[{"type":"function","function":{"name":""}}]`), "tools[0].function.name", "empty_string", "Invalid 'tools[0].function.name': empty string. Expected a string with minimum length 1, but got an empty string instead."},
	{"createChatCompletion", `{"model":"m","messages":[]}`, "messages", "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."},
	{"createChatCompletion", messages(`{"role":"assistant","content":"x","tool_calls":[]}`), "messages[0].tool_calls", "empty_array", "Invalid 'messages[0].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead."},
	{"createChatCompletion", chat(`"stop":["a","b","c","d","e"]`), "stop", "array_above_max_length", "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead."},
	{"createChatCompletion", chat(`"functions":[` + repeat(`{"name":"f"}`, 129) + `]`), "functions", "array_above_max_length", "Invalid 'functions': array too long. Expected an array with maximum length 128, but got an array with length 129 instead."},
	{"createChatCompletion", chat(`"metadata":{` + pairs(17) + `}`), "metadata", "object_above_max_properties", "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with 17 properties instead."},
	{"createChatCompletion", chat(`"metadata":{"k":"` + strings.Repeat("x", 513) + `"}`), "metadata.k", "string_above_max_length", "Invalid 'metadata.k': string too long. Expected a string with maximum length 512, but got a string with length 513 instead."},
	{"createChatCompletion", chat(`"metadata":{"` + strings.Repeat("k", 70) + `":"v"}`), "metadata." + strings.Repeat("k", 70), "property_name_above_max_length", "Invalid property name in 'metadata': 'kkk...kkk' is too long. Expected a string with maximum length 64, but got a string with length 70 instead."},
	{"createCompletion", `{"model":"m","logprobs":6}`, "logprobs", "integer_above_max_value", "Invalid 'logprobs': integer above maximum value. Expected a value <= 5, but got 6 instead."},
	{"createCompletion", `{"model":"m","best_of":21}`, "best_of", "integer_above_max_value", "Invalid 'best_of': integer above maximum value. Expected a value <= 20, but got 21 instead."},
	{"createCompletion", `{"model":"m","prompt":[]}`, "prompt", "empty_array", "Invalid 'prompt': empty array. Expected an array with minimum length 1, but got an empty array instead."},
	{"createCompletion", `{"model":"m","prompt":[[]]}`, "prompt[0]", "empty_array", "Invalid 'prompt[0]': empty array. Expected an array with minimum length 1, but got an empty array instead."},
	{"createEmbedding", `{"model":"m","input":""}`, "input", "empty_string", "Invalid 'input': empty string. Expected a string with minimum length 1, but got an empty string instead."},
	{"createEmbedding", `{"model":"m","input":["a",""]}`, "input[1]", "empty_string", "Invalid 'input[1]': empty string. Expected a string with minimum length 1, but got an empty string instead."},
	{"createEmbedding", `{"model":"m","input":[]}`, "input", "empty_array", "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead."},
	{"createEmbedding", `{"model":"m","input":[` + repeat(`"a"`, 2049) + `]}`, "input", "array_above_max_length", "Invalid 'input': array too long. Expected an array with maximum length 2048, but got an array with length 2049 instead."},
	{"createEmbedding", `{"model":"m","input":"a","dimensions":0}`, "dimensions", "integer_below_min_value", "Invalid 'dimensions': integer below minimum value. Expected a value >= 1, but got 0 instead."},
	{"createFineTuningJob", `{"model":"m","training_file":"f","hyperparameters":{"learning_rate_multiplier":0}}`, "hyperparameters.learning_rate_multiplier", "decimal_below_min_value", "Invalid 'hyperparameters.learning_rate_multiplier': decimal below minimum value. Expected a value > 0, but got 0 instead."},

	// Of several breaches the vendor reports the one that comes first in its own order.
	{"createChatCompletion", chat(`"stop":7,"n":"abc"`), "n", "invalid_type", "Invalid type for 'n': expected an integer, but got a string instead."},
	{"createChatCompletion", chat(`"store":"x","stream":"y"`), "stream", "invalid_type", "Invalid type for 'stream': expected a boolean, but got a string instead."},
	{"createChatCompletion", chat(`"verbosity":"bogus","user":7`), "user", "invalid_type", "Invalid type for 'user': expected a string, but got an integer instead."},
	{"createChatCompletion", `{"metadata":{"k":7},"model":"m","messages":[7]}`, "messages[0]", "invalid_type", "Invalid type for 'messages[0]': expected an object, but got an integer instead."},
	{"createChatCompletion", chat(`"functions":"x","function_call":{}`), "functions", "invalid_type", "Invalid type for 'functions': expected an array of function definitions, but got a string instead."},

	// Unions in other operations.
	{"createVectorStoreFileBatch", `{}`, "file_ids", "missing_required_parameter", "Missing required parameter: 'file_ids'."},
	{"createThread", `{"messages":[{"role":"user","content":[{"type":"bogus"}]}]}`, "messages[0].content[0].type", "invalid_value", "Invalid value: 'bogus'. Supported values are: 'image_file', 'image_url', and 'text'."},
	{"createResponse", `{"model":"m","input":7}`, "input", "invalid_type", "Invalid type for 'input': expected one of a string or array of objects, but got an integer instead."},
	{"createResponse", `{"model":"m","input":[{"role":"user","content":[{"type":"input_text"}]}]}`, "input[0].content[0].text", "missing_required_parameter", "Missing required parameter: 'input[0].content[0].text'."},
	{"createResponse", `{"model":"m","input":[{"type":"message","role":"assistant","id":"i","status":"completed","content":[{"type":"output_text"}]}]}`, "input[0].content[0].text", "missing_required_parameter", "Missing required parameter: 'input[0].content[0].text'."},
	{"createResponse", `{"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_text"}]}]}`, "input[0].content[0].text", "missing_required_parameter", "Missing required parameter: 'input[0].content[0].text'."},
	{"createResponse", `{"model":"m","input":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}]}`, "input[0].content[0].type", "invalid_value", "Invalid value: 'output_text'. Supported values are: 'input_text', 'input_image', and 'input_file'."},
	{"searchVectorStore", `{"query":"a","filters":{"type":"and","filters":[{"type":"or","filters":[{"type":"eq","key":"k"}]}]}}`, "filters.filters[0].filters[0].value", "missing_required_parameter", "Missing required parameter: 'filters.filters[0].filters[0].value'."},
}

func TestBreaches(t *testing.T) {
	for _, b := range breaches {
		_, err := Check(b.op, []byte(b.body))
		e, ok := apierror.As(err)
		if !ok {
			t.Errorf("%s %s: got %v, want a breach", b.op, cut(b.body), err)
			continue
		}
		tail, short := strings.CutPrefix(b.message, "…")
		if e.Param != b.param || e.Code != b.code || e.Message != b.message && !(short && strings.HasSuffix(e.Message, tail)) {
			t.Errorf("%s %s:\n got %q %q %s\nwant %q %q %s", b.op, cut(b.body), e.Param, e.Code, e.Message, b.param, b.code, b.message)
		}
		if e.Status != 400 || e.Type != apierror.TypeInvalidRequest {
			t.Errorf("%s %s: status %d type %q", b.op, cut(b.body), e.Status, e.Type)
		}
	}
}

func cut(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

func repeat(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

func pairs(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"k%d":"v"`, i))
	}
	return strings.Join(all, ",")
}
