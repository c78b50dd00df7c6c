package fakeengine

import (
	"encoding/json"
	"strconv"
)

// timings is what the engine measures of itself; a script takes no time.
const timings = `,"timings":{"cache_n":0,"prompt_n":0,"prompt_ms":0.0,"prompt_per_token_ms":0.0,"prompt_per_second":0.0,"predicted_n":0,"predicted_ms":0.0,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}`

// appendString writes s as JSON. Plain ASCII, which nearly all tokens are, is copied.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // strings cannot fail
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendHead writes the fields that all chunks and answers share, in the engine's order.
func (a *answer) appendHead(b []byte, object string) []byte {
	b = append(b, `,"created":`...)
	b = strconv.AppendInt(b, a.created, 10)
	b = append(b, `,"id":"`...)
	b = append(b, a.id...)
	b = append(b, `","model":`...)
	b = appendString(b, a.model)
	b = append(b, `,"system_fingerprint":"fake","object":"`...)
	b = append(b, object...)
	return append(b, '"')
}

func (a *answer) appendUsage(b []byte) []byte {
	b = append(b, `,"usage":{"completion_tokens":`...)
	b = strconv.AppendInt(b, int64(a.made), 10)
	b = append(b, `,"prompt_tokens":`...)
	b = strconv.AppendInt(b, int64(a.promptTokens), 10)
	b = append(b, `,"total_tokens":`...)
	b = strconv.AppendInt(b, int64(a.made+a.promptTokens), 10)
	return append(b, `,"prompt_tokens_details":{"cached_tokens":0}}`...)
}

// appendRoleChunk begins a chat.
func (a *answer) appendRoleChunk(b []byte) []byte {
	b = append(b, `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}]`...)
	return append(a.appendHead(b, "chat.completion.chunk"), "}\n\n"...)
}

func (a *answer) appendTokenChunk(b []byte, i int) []byte {
	switch a.kind {
	case chat:
		b = append(b, `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":`...)
		b = append(appendString(b, a.tokens[i]), '}')
		if a.tops >= 0 {
			b = append(b, `,"logprobs":`...)
			b = a.appendLogprobs(b, i, i+1)
		}
		return append(a.appendHead(append(b, "}]"...), "chat.completion.chunk"), "}\n\n"...)
	case completion:
		b = append(b, `data: {"choices":[{"text":`...)
		b = append(appendString(b, a.tokens[i]), `,"index":0,"logprobs":`...)
		b = a.appendLogprobs(b, i, i+1)
		return append(a.appendHead(append(b, `,"finish_reason":null}]`...), "text_completion"), "}\n\n"...)
	}
	b = append(b, `data: {"index":0,"content":`...)
	b = append(appendString(b, a.tokens[i]), `,"tokens":[0],"stop":false,"id_slot":-1,"tokens_predicted":`...)
	b = strconv.AppendInt(b, int64(i+1), 10)
	b = append(b, `,"tokens_evaluated":`...)
	return append(strconv.AppendInt(b, int64(a.promptTokens), 10), "}\n\n"...)
}

// appendLastChunks ends a stream.
func (a *answer) appendLastChunks(b []byte) []byte {
	switch a.kind {
	case chat:
		b = append(b, `data: {"choices":[{"finish_reason":"`+a.finish+`","index":0,"delta":{}}]`...)
		b = a.appendHead(b, "chat.completion.chunk")
		if a.usage {
			b = append(b, "}\n\ndata: {\"choices\":[]"...)
			b = a.appendUsage(a.appendHead(b, "chat.completion.chunk"))
		}
		return append(b, timings+"}\n\ndata: [DONE]\n\n"...)
	case completion:
		b = append(b, `data: {"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"`+a.finish+`"}]`...)
		b = a.appendUsage(a.appendHead(b, "text_completion"))
		return append(b, timings+"}\n\ndata: [DONE]\n\n"...)
	}
	return append(a.appendInfill(append(b, "data: "...), ""), "\n\n"...)
}

// appendWhole writes an answer that is not streamed.
func (a *answer) appendWhole(b []byte) []byte {
	var text []byte
	for _, t := range a.tokens {
		text = append(text, t...)
	}
	switch a.kind {
	case chat:
		b = append(b, `{"choices":[{"finish_reason":"`+a.finish+`","index":0,"message":{"role":"assistant","content":`...)
		b = append(appendString(b, string(text)), '}')
		if a.tops >= 0 {
			b = append(b, `,"logprobs":`...)
			b = a.appendLogprobs(b, 0, len(a.tokens))
		}
		b = a.appendUsage(a.appendHead(append(b, "}]"...), "chat.completion"))
		return append(b, timings+"}"...)
	case completion:
		b = append(b, `{"choices":[{"text":`...)
		b = append(appendString(b, string(text)), `,"index":0,"logprobs":`...)
		b = a.appendLogprobs(b, 0, len(a.tokens))
		b = append(b, `,"finish_reason":"`+a.finish+`"}]`...)
		return append(a.appendUsage(a.appendHead(b, "text_completion")), timings+"}"...)
	}
	return a.appendInfill(b, string(text))
}

// appendInfill writes the engine's own shape, which /infill has.
func (a *answer) appendInfill(b []byte, text string) []byte {
	stop := map[string]string{"length": "limit", "stop": "eos"}[a.finish]
	if a.stopWord != "" {
		stop = "word"
	}
	b = append(b, `{"index":0,"content":`...)
	b = append(appendString(b, text), `,"tokens":[],"id_slot":0,"stop":true,"model":`...)
	b = append(appendString(b, a.model), `,"tokens_predicted":`...)
	b = append(strconv.AppendInt(b, int64(a.made), 10), `,"tokens_evaluated":`...)
	b = append(strconv.AppendInt(b, int64(a.promptTokens), 10), `,"generation_settings":{},"prompt":`...)
	b = append(appendString(b, a.prompt), `,"has_new_line":false,"truncated":false,"stop_type":"`+stop+`","stopping_word":`...)
	b = append(appendString(b, a.stopWord), `,"tokens_cached":0`+timings+"}"...)
	return b
}

// appendLogprobs writes the log probabilities of tokens from to to, or null when none are asked for. The token that was
// taken has -0.1; the others at its place are made up.
func (a *answer) appendLogprobs(b []byte, from, to int) []byte {
	if a.tops < 0 {
		return append(b, "null"...)
	}
	b = append(b, `{"content":[`...)
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		b = appendLogprob(b, i, a.tokens[i], -0.1)
		b = append(b, `,"top_logprobs":[`...)
		for rank := range a.tops {
			if rank == 0 {
				b = append(appendLogprob(b, i, a.tokens[i], -0.1), '}')
				continue
			}
			b = append(b, ',')
			b = append(appendLogprob(b, i, " other"+strconv.Itoa(rank), -2-float64(rank)), '}')
		}
		b = append(b, "]}"...)
	}
	return append(b, "]}"...)
}

func appendLogprob(b []byte, id int, token string, logprob float64) []byte {
	b = strconv.AppendInt(append(b, `{"id":`...), int64(id), 10)
	b = append(appendString(append(b, `,"token":`...), token), `,"bytes":[`...)
	for i := range len(token) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(token[i]), 10)
	}
	return strconv.AppendFloat(append(b, `],"logprob":`...), logprob, 'g', -1, 64)
}
