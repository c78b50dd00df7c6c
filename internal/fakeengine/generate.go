package fakeengine

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// kind is the endpoint that a text is made for; each has its own shape.
type kind int

const (
	chat kind = iota
	completion
	infill
)

// answer is a text that is on its way to a client.
type answer struct {
	kind         kind
	model, id    string
	rule         *Rule
	stream       bool
	usage        bool // a last chunk with the counts is asked for
	tops         int  // likeliest tokens for each place; -1: no log probabilities
	promptTokens int
	prompt       string
	tokens       []string // what is sent
	made         int      // what was made: the token with the stop string too
	finish       string   // "stop" or "length"
	stopWord     string
	created      int64
}

// buffers are kept between requests: under load their garbage would be most of the work.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// generation is the handler of one of the endpoints for text.
func (e *Engine) generation(k kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e.busy.Add(1)
		defer e.busy.Add(-1)
		var q request
		if !e.read(w, r, &q) {
			return
		}
		a, ok := e.answer(w, k, &q)
		if !ok {
			return
		}
		buf, _ := buffers.Get().(*[]byte)
		out := output{w: w, ctx: r.Context(), buf: (*buf)[:0]}
		defer func() {
			*buf = out.buf
			buffers.Put(buf)
		}()
		switch {
		case a.rule.Status != 0:
			if out.wait(a.rule.FirstToken, nil) {
				a.refuse(w)
			}
		case a.stream:
			a.sendStream(&out)
		default:
			a.sendWhole(&out)
		}
	}
}

// answer decides what a request gets, or refuses the request as the real engine would and returns false.
func (e *Engine) answer(w http.ResponseWriter, k kind, q *request) (*answer, bool) {
	a := &answer{kind: k, model: e.script.Model, stream: q.Stream, usage: q.StreamOptions.IncludeUsage, tops: q.tops(k), created: time.Now().Unix()}
	var last string
	var err error
	switch k {
	case chat:
		a.prompt, last, err = template(q.Messages)
		a.promptTokens = count(a.prompt)
	case completion:
		var texts []string
		var tokens []int
		if texts, tokens, err = e.inputs(q.Prompt); err == nil && len(texts) > 0 {
			a.prompt, last, a.promptTokens = texts[0], texts[0], tokens[0]
		}
	case infill:
		last = q.InputPrefix
		a.prompt = q.InputPrefix + q.InputSuffix
		a.promptTokens = count(a.prompt)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return nil, false
	}
	if a.promptTokens >= e.script.Context {
		refuseContext(w, a.promptTokens, e.script.Context)
		return nil, false
	}
	a.rule = e.script.rule(q.Model, last)
	a.id = fmt.Sprintf("chatcmpl-%032d", e.tasks.Add(1))
	a.end(q, e.script.Context)
	return a, true
}

// refuseContext words it as the real engine does when a prompt does not fit.
func refuseContext(w http.ResponseWriter, tokens, limit int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"error":{"code":400,"message":"request (%d tokens) exceeds the available context size (%d tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":%d,"n_ctx":%d}}`,
		tokens, limit, tokens, limit)
}

// end finds where the answer ends: at a stop string, at the limit, at the end of the context or by itself.
func (a *answer) end(q *request, contextSize int) {
	a.tokens, a.finish = a.rule.tokens, "stop"
	limit := contextSize - a.promptTokens
	if n := q.limit(); n >= 0 {
		limit = min(limit, n)
	}
	if limit < len(a.tokens) {
		a.tokens, a.finish = a.tokens[:limit], "length"
	}
	a.made = len(a.tokens)
	stops := q.stops()
	if len(stops) == 0 {
		return
	}
	text, at := strings.Join(a.tokens, ""), -1
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && (at < 0 || i < at) {
			at, a.stopWord = i, s
		}
	}
	if at >= 0 {
		a.made = count(text[:at+len(a.stopWord)])
		a.tokens, a.finish = split(text[:at]), "stop"
	}
}

// refuse answers with the rule's status.
func (a *answer) refuse(w http.ResponseWriter) {
	body := []byte(a.rule.Body)
	if len(body) == 0 {
		body = errorBody(a.rule.Status, "server_error", "The script says so.")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.rule.Status)
	_, _ = w.Write(body)
}

// sendStream sends a chunk for each token. Chunks between which there is no wait leave together.
func (a *answer) sendStream(out *output) {
	out.w.Header().Set("Content-Type", "text/event-stream")
	for i := range len(a.tokens) + 1 { // one more for the end
		if !out.wait(a.delay(i), a.rule.Step) {
			return
		}
		if a.kind == chat && i == 0 {
			out.buf = a.appendRoleChunk(out.buf)
		}
		if a.rule.Then != "" && i == min(a.rule.After, len(a.tokens)) && !a.breakStream(out) {
			return
		}
		if i < len(a.tokens) {
			out.buf = a.appendTokenChunk(out.buf, i)
		}
	}
	out.buf = a.appendLastChunks(out.buf)
	out.flush()
}

// delay is the wait before token i.
func (a *answer) delay(i int) time.Duration {
	switch i {
	case 0:
		return a.rule.FirstToken
	case len(a.tokens):
		return 0
	}
	return a.rule.BetweenTokens
}

// breakStream does what the rule says goes wrong and tells whether the stream goes on.
func (a *answer) breakStream(out *output) bool {
	switch a.rule.Then {
	case Garbage:
		out.buf = append(out.buf, "data: {\"choices\":[{\"fin\x00\n\n"...)
		return true
	case Error:
		out.buf = append(append(append(out.buf, "data: "...), errorBody(500, "server_error", "The script says so.")...), "\n\n"...)
		out.flush()
	case Cut:
		out.flush()
		panic(http.ErrAbortHandler) // net/http's way to break a connection
	case Stall:
		out.flush()
		<-out.ctx.Done()
	}
	return false
}

// sendWhole waits for all tokens, then sends the answer.
func (a *answer) sendWhole(out *output) {
	for i := range len(a.tokens) + 1 {
		if !out.wait(a.delay(i), a.rule.Step) {
			return
		}
		if a.rule.Then == Stall && i == min(a.rule.After, len(a.tokens)) {
			<-out.ctx.Done()
			return
		}
	}
	body := a.appendWhole(out.buf)
	out.buf = body
	switch a.rule.Then {
	case Error:
		fail(out.w, http.StatusInternalServerError, "server_error", "The script says so.")
	case Garbage:
		reply(out.w, []byte("{\"choices\":[{\"fin\x00"))
	case Cut:
		out.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		out.buf = body[:len(body)/2]
		out.flush()
		panic(http.ErrAbortHandler)
	default:
		reply(out.w, body)
	}
}

// output is the way to one client.
type output struct {
	w   http.ResponseWriter
	ctx context.Context
	buf []byte // written, not sent
}

// wait lets d pass and takes one step; what was written before goes out first. It is false when the client is gone.
func (o *output) wait(d time.Duration, step <-chan struct{}) bool {
	if d <= 0 && step == nil {
		return true
	}
	if len(o.buf) > 0 {
		o.flush()
	}
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-o.ctx.Done():
			return false
		}
	}
	if step != nil {
		select {
		case <-step:
		case <-o.ctx.Done():
			return false
		}
	}
	return true
}

// flush sends what was written.
func (o *output) flush() {
	_, _ = o.w.Write(o.buf) // a client that is gone shows in ctx
	o.buf = o.buf[:0]
	if f, ok := o.w.(http.Flusher); ok {
		f.Flush()
	}
}
