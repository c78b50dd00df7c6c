package fakeengine

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// embeddings answers with a vector for each input. A vector is the sum of one for each word, so the same text always has
// the same vector, and texts that share words are near each other.
func (e *Engine) embeddings(w http.ResponseWriter, r *http.Request) {
	e.busy.Add(1)
	defer e.busy.Add(-1)
	var q struct {
		Model          string          `json:"model"`
		Input          json.RawMessage `json:"input"`
		EncodingFormat string          `json:"encoding_format"`
	}
	if !e.read(w, r, &q) {
		return
	}
	if q.Input == nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", `"input" or "content" must be provided`)
		return
	}
	texts, tokens, err := e.inputs(q.Input)
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	total := 0
	for i, n := range tokens {
		total += n
		if n == 0 {
			fail(w, http.StatusBadRequest, "invalid_request_error", "Input content cannot be empty")
			return
		}
		if n > e.script.Context {
			fail(w, http.StatusInternalServerError, "server_error", "input ("+strconv.Itoa(tokens[i])+" tokens) is too large to process. increase the physical batch size (current batch size: "+strconv.Itoa(e.script.Context)+")")
			return
		}
	}
	last := ""
	if len(texts) > 0 {
		last = texts[len(texts)-1]
	}
	a := &answer{rule: e.script.rule(q.Model, last)}
	out := output{w: w, ctx: r.Context()}
	if !out.wait(a.rule.FirstToken, a.rule.Step) {
		return
	}
	switch {
	case a.rule.Status != 0:
		a.refuse(w)
		return
	case a.rule.Then == Stall:
		<-r.Context().Done()
		return
	case a.rule.Then == Cut:
		panic(http.ErrAbortHandler)
	case a.rule.Then == Garbage:
		reply(w, []byte(`{"data":[`))
		return
	case a.rule.Then == Error:
		fail(w, http.StatusInternalServerError, "server_error", "The script says so.")
		return
	}
	reply(w, e.appendEmbeddings(texts, total, q.EncodingFormat == "base64"))
}

func (e *Engine) appendEmbeddings(texts []string, tokens int, encoded bool) []byte {
	n := strconv.Itoa(tokens)
	b := appendString([]byte(`{"model":`), e.script.Model)
	b = append(b, `,"object":"list","usage":{"prompt_tokens":`+n+`,"total_tokens":`+n+`},"data":[`...)
	for i, text := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		v := Vector(text, e.script.Dimensions)
		b = append(b, `{"embedding":`...)
		if encoded {
			raw := make([]byte, 0, 4*len(v))
			for _, x := range v {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
			b = append(base64.StdEncoding.AppendEncode(append(b, '"'), raw), '"')
		} else {
			for j, x := range v {
				b = append(b, "[,"[min(j, 1)])
				b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
			}
			b = append(b, ']')
		}
		b = append(strconv.AppendInt(append(b, `,"index":`...), int64(i), 10), `,"object":"embedding"`...)
		if encoded {
			b = append(b, `,"encoding_format":"base64"`...)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// Vector is the vector that an Engine of so many dimensions gives for text, of unit length.
func Vector(text string, dimensions int) []float32 {
	sum := make([]float64, dimensions)
	for text != "" {
		n := next(text)
		h := fnv.New64a()
		_, _ = h.Write([]byte(strings.ToLower(strings.TrimSpace(text[:n])))) // never fails
		state := h.Sum64()
		for i := range sum {
			state = state*6364136223846793005 + 1442695040888963407 // a linear congruential step: enough to scatter
			sum[i] += float64(int32(state>>32)) / math.MaxInt32
		}
		text = text[n:]
	}
	var square float64
	for _, x := range sum {
		square += x * x
	}
	v := make([]float32, dimensions)
	for i, x := range sum {
		v[i] = float32(x / math.Sqrt(square))
	}
	return v
}
