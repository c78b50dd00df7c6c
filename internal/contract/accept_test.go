package contract

import (
	"slices"
	"strings"
	"testing"
)

// accepted are bodies that clients really send, and that must pass whole: err nil and nothing unknown.
var accepted = []struct{ client, op, body string }{
	// Python 0.28 sends what it is given, null for None, and asks for base64 embeddings.
	{"python 0.28 chat", "createChatCompletion", `{"model": "gpt-3.5-turbo", "messages": [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "Hello!"}], "temperature": 0, "max_tokens": 256, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0, "stop": null, "n": 1, "stream": false, "logit_bias": {}, "user": ""}`},
	{"python 0.28 functions", "createChatCompletion", `{"model": "gpt-3.5-turbo-0613", "messages": [{"role": "user", "content": "What's the weather like in Boston?"}, {"role": "assistant", "content": null, "function_call": {"name": "get_current_weather", "arguments": "{\n  \"location\": \"Boston, MA\"\n}"}}, {"role": "function", "name": "get_current_weather", "content": "{\"temperature\": 22}"}], "functions": [{"name": "get_current_weather", "description": "Get the current weather", "parameters": {"type": "object", "properties": {"location": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}}, "required": ["location"]}}], "function_call": "auto"}`},
	{"python 0.28 named function", "createChatCompletion", `{"model":"m","messages":[{"role":"user","content":"a"}],"functions":[{"name":"f","parameters":{}}],"function_call":{"name":"f"}}`},
	{"python 0.28 completion", "createCompletion", `{"model": "text-davinci-003", "prompt": "Say this is a test", "max_tokens": 7, "temperature": 0.0, "best_of": 1, "echo": false, "logprobs": null, "suffix": null, "stop": ["\n", " Human:", " AI:"], "logit_bias": null, "n": null, "user": ""}`},
	{"python 0.28 embedding", "createEmbedding", `{"model": "text-embedding-ada-002", "input": ["The food was delicious"], "encoding_format": "base64"}`},
	{"an old client with bare decimals", "createChatCompletion", chat(`"n":1.0,"max_tokens":1e2,"top_p":1.0,"seed":-9223372036854775808`)},

	// Python 1.x and 3.x leave out what is not given, and send back the messages that they were answered with.
	{"python 1.x chat", "createChatCompletion", `{"messages":[{"role":"user","content":"Say this is a test","name":"ada"}],"model":"gpt-4","stream":true,"stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":5,"seed":42,"response_format":{"type":"json_object"}}`},
	{"python 1.x nulls", "createChatCompletion", `{"model":"gpt-4","messages":[{"role":"user","content":"a"}],"max_tokens":500,"temperature":0,"stop":null,"seed":123,"tools":null,"tool_choice":null,"logprobs":null,"top_logprobs":null,"response_format":null,"functions":null,"function_call":null,"stream":null,"stream_options":null,"metadata":null,"audio":null,"modalities":null,"prediction":null,"reasoning_effort":null,"service_tier":null,"parallel_tool_calls":null,"store":null,"verbosity":null,"web_search_options":null,"n":null,"user":null,"logit_bias":null,"max_completion_tokens":null}`},
	{"python 1.x message sent back", "createChatCompletion", messages(`{"role":"user","content":"a"},{"content":"b","refusal":null,"role":"assistant","annotations":[],"audio":null,"function_call":null,"tool_calls":null},{"role":"user","content":"c"}`)},
	{"python 3.x parse sent back", "createChatCompletion", messages(`{"role":"user","content":"a"},{"content":"{\"x\":1}","refusal":null,"role":"assistant","annotations":[],"parsed":{"x":1}},{"role":"user","content":"c"}`)},
	{"python 3.x tools", "createChatCompletion", `{"model":"gpt-4o","messages":[{"role":"user","content":"a"},{"content":null,"role":"assistant","tool_calls":[{"id":"call_1","function":{"arguments":"{}","name":"f","parsed_arguments":{}},"type":"function"}]},{"role":"tool","tool_call_id":"call_1","name":"f","content":"42"}],"tools":[{"type":"function","function":{"name":"f","description":"","parameters":{"type":"object","properties":{}},"strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false}`},
	{"python 3.x json_schema", "createChatCompletion", chat(`"response_format":{"type":"json_schema","json_schema":{"name":"event","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}}}`)},
	{"python 3.x vision", "createChatCompletion", messages(`{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}},{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}},{"type":"file","file":{"file_id":"file-1"}}]}`)},
	{"python 3.x developer", "createChatCompletion", messages(`{"role":"developer","content":[{"type":"text","text":"Be brief."}]},{"role":"assistant","content":[{"type":"text","text":"ok"},{"type":"refusal","refusal":"no"}]},{"role":"user","content":"a"}`)},
	{"python 3.x embedding", "createEmbedding", `{"input":"a","model":"text-embedding-3-small","dimensions":256,"encoding_format":"float","user":"u"}`},
	{"empty contents", "createChatCompletion", messages(`{"role":"system","content":""},{"role":"user","content":[]},{"role":"assistant","content":""}`)},

	// Node.
	{"node chat", "createChatCompletion", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say this is a test"}],"stream":true,"max_completion_tokens":10,"store":true,"metadata":{"a":"b"},"service_tier":"auto","stop":"\n"}`},
	{"node completion", "createCompletion", `{"model":"gpt-3.5-turbo-instruct","prompt":["a","b"],"max_tokens":0,"echo":true,"logprobs":5,"stream":true,"stream_options":{"include_usage":true}}`},
	{"node embedding", "createEmbedding", `{"input":["a","b"],"model":"text-embedding-3-large","encoding_format":"base64"}`},

	// LangChain counts tokens itself and sends them.
	{"langchain embedding", "createEmbedding", `{"input": [[15339, 1917], [100257]], "model": "text-embedding-ada-002", "encoding_format": "base64"}`},
	{"langchain one token array", "createEmbedding", `{"input": [15339, 1917], "model": "text-embedding-ada-002"}`},
	{"langchain chat", "createChatCompletion", `{"messages":[{"content":"a","role":"system"},{"content":"b","role":"user"}],"model":"gpt-3.5-turbo","max_tokens":null,"stream":false,"n":1,"temperature":0.7}`},
	{"langchain completion", "createCompletion", `{"model":"gpt-3.5-turbo-instruct","prompt":["a"],"temperature":0.7,"max_tokens":256,"top_p":1,"frequency_penalty":0,"presence_penalty":0,"n":1,"best_of":1,"logit_bias":{"50256":-100}}`},
	{"completion of tokens", "createCompletion", `{"model":"davinci-002","prompt":[1,2,3]}`},
	{"completion of token arrays", "createCompletion", `{"model":"davinci-002","prompt":[[1,2],[3]]}`},
	{"completion of nothing", "createCompletion", `{"model":"davinci-002","prompt":null}`},
	{"escaped names", "createChatCompletion", `{"\u006dodel":"m","messages":[{"r\u006fle":"\u0075ser","content":"\ud83d\ude00\ud83d"}]}`},
	{"spaced out", "createChatCompletion", " \r\n\t{ \"model\" : \"m\" , \"messages\" : [ { \"role\" : \"user\" , \"content\" : [ ] } ] } \n"},

	// One of each of the others.
	{"state", "updateChatCompletion", `{"metadata":{"a":"b"}}`},
	{"state", "createUpload", `{"purpose":"fine-tune","filename":"a.jsonl","bytes":2147483648,"mime_type":"text/jsonl"}`},
	{"state", "completeUpload", `{"part_ids":["part_1"],"md5":"x"}`},
	{"state", "createVectorStore", `{"name":"n","file_ids":["file-1"],"expires_after":{"anchor":"last_active_at","days":7},"chunking_strategy":{"type":"static","static":{"max_chunk_size_tokens":800,"chunk_overlap_tokens":400}},"metadata":{}}`},
	{"state", "createVectorStore", `{}`},
	{"state", "modifyVectorStore", `{"name":null,"expires_after":null}`},
	{"state", "createVectorStoreFileBatch", `{"file_ids":["a","b"],"attributes":{"a":1,"b":"c","d":true}}`},
	{"state", "createVectorStoreFileBatch", `{"files":[{"file_id":"a","chunking_strategy":{"type":"auto"}}]}`},
	{"state", "createVectorStoreFile", `{"file_id":"file-1"}`},
	{"state", "updateVectorStoreFileAttributes", `{"attributes":{"a":1.5}}`},
	{"state", "searchVectorStore", `{"query":["a","b"],"max_num_results":5,"rewrite_query":true,"filters":{"type":"or","filters":[{"type":"eq","key":"a","value":"b"},{"type":"and","filters":[]}]},"ranking_options":{"ranker":"auto","score_threshold":0.5}}`},
	{"assistants", "createAssistant", `{"model":"gpt-4o","name":"n","description":null,"instructions":"i","tools":[{"type":"code_interpreter"},{"type":"file_search","file_search":{"max_num_results":5}},{"type":"function","function":{"name":"f","parameters":{}}}],"tool_resources":{"file_search":{"vector_store_ids":["vs_1"]},"code_interpreter":{"file_ids":["file-1"]}},"metadata":{},"temperature":1,"top_p":1,"response_format":"auto"}`},
	{"assistants", "createAssistant", `{"model":"gpt-4o","tool_resources":{"file_search":{"vector_stores":[{"file_ids":["file-1"],"chunking_strategy":{"type":"auto"}}]}},"response_format":{"type":"json_object"}}`},
	{"assistants", "createAssistant", `{"model":"gpt-4o","tool_resources":{"file_search":{}}}`},
	{"assistants", "modifyAssistant", `{"instructions":"x"}`},
	{"assistants", "createThread", ``},
	{"assistants", "createThread", `{"messages":[{"role":"user","content":"a","attachments":[{"file_id":"file-1","tools":[{"type":"file_search"}]}]}],"tool_resources":{"file_search":{}}}`},
	{"assistants", "createThreadAndRun", `{"assistant_id":"asst_1","thread":{"messages":[{"role":"user","content":"a"}]},"stream":true,"truncation_strategy":null,"tool_choice":null,"response_format":null}`},
	{"assistants", "modifyThread", `{"metadata":{"a":"b"},"tool_resources":null}`},
	{"assistants", "createMessage", `{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_file","image_file":{"file_id":"file-1"}}],"attachments":null}`},
	{"assistants", "modifyMessage", `{"metadata":{}}`},
	{"assistants", "createRun", `{"assistant_id":"asst_1","additional_instructions":"x","additional_messages":[{"role":"user","content":"a"}],"tools":[{"type":"code_interpreter"}],"truncation_strategy":{"type":"last_messages","last_messages":3},"tool_choice":{"type":"function","function":{"name":"f"}},"max_prompt_tokens":1000}`},
	{"assistants", "modifyRun", `{"metadata":{}}`},
	{"assistants", "submitToolOuputsToRun", `{"tool_outputs":[{"tool_call_id":"call_1","output":"42"}],"stream":null}`},
	{"media", "createModeration", `{"input":"a"}`},
	{"media", "createModeration", `{"input":["a","b"],"model":"text-moderation-latest"}`},
	{"media", "createModeration", `{"input":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}`},
	{"media", "createImage", `{"prompt":"a","model":"dall-e-3","n":1,"size":"1024x1024","quality":"hd","style":"vivid","response_format":"b64_json","user":"u"}`},
	{"media", "createImageEdit", `{"prompt":"a","images":[{"file_id":"file-1"}]}`},
	{"media", "createSpeech", `{"model":"tts-1","input":"a","voice":"alloy","response_format":"mp3","speed":1.25}`},
	{"media", "updateVoiceConsent", `{"name":"n"}`},
	{"later", "createBatch", `{"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h"}`},
	{"later", "createFineTuningJob", `{"model":"gpt-4o-mini","training_file":"file-1","hyperparameters":{"n_epochs":3,"batch_size":"auto","learning_rate_multiplier":0.1},"suffix":null,"method":{"type":"dpo","dpo":{"hyperparameters":{"beta":"auto"}}},"integrations":[{"type":"wandb","wandb":{"project":"p"}}]}`},
	{"later", "createFineTuningCheckpointPermission", `{"project_ids":["proj_1"]}`},
	{"later", "runGrader", `{"grader":{"type":"string_check","name":"n","input":"a","reference":"b","operation":"eq"},"model_sample":"a"}`},
	{"later", "validateGrader", `{"grader":{"type":"score_model","name":"n","model":"m","input":[{"role":"user","content":"a"}],"range":[0,1]}}`},
	{"later", "createResponse", `{"model":"gpt-4o","input":"a"}`},
	{"later", "createResponse", `{"model":"gpt-4o","input":[{"role":"user","content":"a"},{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"b","annotations":[]}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"},{"id":"msg_2"}],"tools":[{"type":"function","name":"f","parameters":{},"strict":false},{"type":"file_search","vector_store_ids":["vs_1"]}],"text":{"format":{"type":"json_object"}},"include":["file_search_call.results"]}`},
	{"later", "createResponse", `{"model":"m","input":[{"type":null,"role":"user","content":"a"}]}`},
	{"later", "Getinputtokencounts", `{"model":"m","input":"a"}`},
	{"later", "Compactconversation", `{"model":"gpt-4o","input":"a"}`},
	{"later", "createConversation", `{"items":[{"type":"message","role":"user","content":"a"}],"metadata":{}}`},
	{"later", "createConversation", ``},
	{"later", "createConversationItems", `{"items":[{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]}]}`},
	{"later", "updateConversation", `{"metadata":{}}`},
}

func TestAcceptsWhatClientsSend(t *testing.T) {
	var seen []string
	for _, a := range accepted {
		seen = append(seen, a.op)
		if unknown, err := Check(a.op, []byte(a.body)); err != nil || unknown != nil {
			t.Errorf("%s, %s %s: %v, unknown %v", a.client, a.op, cut(a.body), err, unknown)
		}
	}
	for op := range loaded().operations {
		if !slices.Contains(seen, op) {
			t.Errorf("no body of %s is tried", op)
		}
	}
}

// TestAcceptsTheEdges shows the valid side of limits whose other side TestBreaches shows.
func TestAcceptsTheEdges(t *testing.T) {
	for _, members := range []string{
		`"n":1`, `"n":128`, `"n":5.0`, `"temperature":2`, `"temperature":0`, `"presence_penalty":-2`, `"top_logprobs":20`, `"top_logprobs":0`,
		`"max_tokens":1`, `"max_tokens":9223372036854774784`, `"seed":9223372036854775807`, `"seed":-9223372036854775808`, `"stop":["a","b","c","d"]`, `"logit_bias":{"1":100,"2":-100,"3":0.5}`,
		`"metadata":{` + pairs(16) + `}`, `"metadata":{"k":"` + strings.Repeat("é", 512) + `"}`, `"metadata":{"` + strings.Repeat("é", 64) + `":"v"}`,
		`"safety_identifier":"` + strings.Repeat(`\u00e9`, 64) + `"`,
		`"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"a":` + strings.Repeat("[", 96) + strings.Repeat("]", 96) + `}}}`,
	} {
		if unknown, err := Check("createChatCompletion", []byte(chat(members))); err != nil || unknown != nil {
			t.Errorf("%s: %v, unknown %v", cut(members), err, unknown)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	for _, c := range []struct {
		op, body string
		unknown  []string
		fails    bool
	}{
		{"createChatCompletion", chat(`"zeta":1,"alpha":{"beta":[]},"zeta":2,"engine":null`), []string{"alpha", "engine", "zeta"}, false},
		{"createChatCompletion", chat(`"x":1,"n":0`), []string{"x"}, true},
		{"createChatCompletion", `{"x":1}`, nil, true},
		{"createChatCompletion", `{"model":"m","x":1}`, nil, true},
		{"createChatCompletion", `{"model":"m","messages":[],"x":1}`, []string{"x"}, true},
		{"createChatCompletion", messages(`{"role":"user","content":"a","x":1}`), nil, false},
		{"createEmbedding", `{"model":"m","input":"a","Model":"b"}`, []string{"Model"}, false},
	} {
		unknown, err := Check(c.op, []byte(c.body))
		if !slices.Equal(unknown, c.unknown) || (err != nil) != c.fails {
			t.Errorf("%s: unknown %q, %v", c.body, unknown, err)
		}
	}
}

func TestUnknownOperationIsAProgrammingError(t *testing.T) {
	if _, err := Check("listModels", []byte(`{}`)); err == nil || strings.Contains(err.Error(), "request body nests") {
		t.Errorf("got %v", err)
	}
}

func TestIntegers(t *testing.T) {
	for body, want := range map[string]string{
		chat(`"n":1.0,"temperature":1.0,"max_tokens":1e2,"seed":-3.0,"user":"5.0"`): chat(`"n":1,"temperature":1.0,"max_tokens":100,"seed":-3,"user":"5.0"`),
		chat(`"n":1`): chat(`"n":1`),
		chat(`"tools":[{"type":"function","function":{"name":"f","parameters":{"maximum":1.0}}}]`): chat(`"tools":[{"type":"function","function":{"name":"f","parameters":{"maximum":1.0}}}]`),
	} {
		if got := Integers("createChatCompletion", []byte(body)); string(got) != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	if got := Integers("createThread", nil); got != nil {
		t.Errorf("an empty body became %q", got)
	}
}
