package fakeengine

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// Engine is a scripted engine. It is an http.Handler for any number of requests at once.
type Engine struct {
	script Script
	mux    *http.ServeMux
	vocab  vocabulary
	busy   atomic.Int64
	tasks  atomic.Int64
}

// New makes an Engine that behaves as the script says.
func New(s Script) *Engine {
	e := &Engine{script: s.prepared(), mux: http.NewServeMux()}
	e.mux.HandleFunc("GET /props", e.props)
	e.mux.HandleFunc("GET /slots", e.slots)
	e.mux.HandleFunc("GET /v1/models", e.models)
	e.mux.HandleFunc("POST /tokenize", e.tokenize)
	e.mux.HandleFunc("POST /detokenize", e.detokenize)
	e.mux.HandleFunc("POST /apply-template", e.applyTemplate)
	e.mux.HandleFunc("POST /v1/chat/completions", e.generation(chat))
	e.mux.HandleFunc("POST /v1/completions", e.generation(completion))
	e.mux.HandleFunc("POST /infill", e.generation(infill))
	e.mux.HandleFunc("POST /v1/embeddings", e.embeddings)
	e.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "not_found_error", "File Not Found")
	})
	return e
}

// Busy is the number of requests that are being answered: the slots in use.
func (e *Engine) Busy() int { return int(e.busy.Load()) }

// ServeHTTP answers a request. Like the real engine, it tells its health without a key.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "llama.cpp")
	switch {
	case e.script.NeverReady:
		fail(w, http.StatusServiceUnavailable, "unavailable_error", "Loading model")
	case r.Method == http.MethodGet && (r.URL.Path == "/health" || r.URL.Path == "/v1/health"):
		reply(w, []byte(`{"status":"ok"}`))
	case e.script.Key != "" && r.Header.Get("Authorization") != "Bearer "+e.script.Key:
		fail(w, http.StatusUnauthorized, "authentication_error", "Invalid API Key")
	default:
		e.mux.ServeHTTP(w, r)
	}
}

// read gives the request's JSON in v, or answers that it is none and returns false.
func (e *Engine) read(w http.ResponseWriter, r *http.Request, v any) bool {
	body, err := io.ReadAll(r.Body) // to its end: only then does the server notice a client that goes away
	if err != nil {
		return false // the client is gone
	}
	if e.script.OnRequest != nil {
		e.script.OnRequest(r.URL.Path, body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return false
	}
	return true
}

// reply sends a JSON body.
func reply(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// errorBody is a failure in the engine's words.
func errorBody(status int, kind, message string) []byte {
	b := appendString([]byte(`{"error":{"code":`+strconv.Itoa(status)+`,"message":`), message)
	return append(appendString(append(b, `,"type":`...), kind), "}}"...)
}

func fail(w http.ResponseWriter, status int, kind, message string) {
	body := errorBody(status, kind, message)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// encode is for the answers that need not be fast.
func encode(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of plain values cannot fail
	}
	reply(w, body)
}

func (e *Engine) props(w http.ResponseWriter, _ *http.Request) {
	encode(w, map[string]any{
		"default_generation_settings": map[string]any{"params": map[string]any{}, "n_ctx": e.script.Context},
		"total_slots":                 e.script.Slots, "model_alias": e.script.Model, "model_path": e.script.Model,
		"modalities":     map[string]bool{"vision": false, "audio": false},
		"endpoint_slots": true, "endpoint_props": true, "endpoint_metrics": false,
		"chat_template": "{% for m in messages %}<|{{ m.role }}|> {{ m.content }}\n{% endfor %}<|assistant|>",
	})
}

func (e *Engine) slots(w http.ResponseWriter, _ *http.Request) {
	busy := e.Busy()
	slots := make([]map[string]any, max(e.script.Slots, busy))
	for i := range slots {
		slots[i] = map[string]any{"id": i, "n_ctx": e.script.Context, "speculative": false, "is_processing": i < busy}
	}
	encode(w, slots)
}

func (e *Engine) models(w http.ResponseWriter, _ *http.Request) {
	encode(w, map[string]any{"object": "list", "data": []map[string]any{{
		"id": e.script.Model, "object": "model", "created": 0, "owned_by": "llamacpp",
		"meta": map[string]any{"n_ctx": e.script.Context, "n_ctx_train": e.script.Context, "n_embd": e.script.Dimensions},
	}}})
}

func (e *Engine) tokenize(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Content    string `json:"content"`
		WithPieces bool   `json:"with_pieces"`
	}
	if !e.read(w, r, &q) {
		return
	}
	tokens := []any{}
	for _, word := range split(q.Content) {
		n := e.vocab.number(word)
		if q.WithPieces {
			tokens = append(tokens, map[string]any{"id": n, "piece": word})
		} else {
			tokens = append(tokens, n)
		}
	}
	encode(w, map[string]any{"tokens": tokens})
}

func (e *Engine) detokenize(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Tokens []int `json:"tokens"`
	}
	if !e.read(w, r, &q) {
		return
	}
	encode(w, map[string]any{"content": e.text(q.Tokens)})
}

// text is what tokens stand for.
func (e *Engine) text(tokens []int) string {
	var b strings.Builder
	for _, n := range tokens {
		b.WriteString(e.vocab.word(n))
	}
	return b.String()
}

func (e *Engine) applyTemplate(w http.ResponseWriter, r *http.Request) {
	var q request
	if !e.read(w, r, &q) {
		return
	}
	prompt, _, err := template(q.Messages)
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	encode(w, map[string]any{"prompt": prompt})
}

// template turns a conversation into a prompt, and gives the last message's text as well.
func template(messages []message) (prompt, last string, err error) {
	if len(messages) == 0 {
		return "", "", fmt.Errorf("'messages' is required")
	}
	var b strings.Builder
	for _, m := range messages {
		if last, err = m.text(); err != nil {
			return "", "", err
		}
		b.WriteString("<|" + m.Role + "|> " + last + "\n")
	}
	b.WriteString("<|assistant|>")
	return b.String(), last, nil
}
