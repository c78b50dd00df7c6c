package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tiktoken-go/tokenizer"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/engines"
	"github.com/everpoint/everpoint/openai"
)

// Target is where a model name leads: to a model that the supervisor runs or, when URL is set, to an engine that
// already runs. Both speak llama-server's HTTP.
type Target struct {
	Name  string // the name that the client asked for
	Model string // who answers: the id of a local model or the configured name; sent as x-everpoint-target
	kind  string

	url, key    string
	context     int // tokens of one answer, prompt included; 0 is not known
	fim         *engines.FIM
	defaults    *engines.Sampling // where a request names neither temperature nor top_p; nil is the engine's
	fingerprint string            // of the weights

	encoding   tokenizer.Encoding // meaning of token numbers in requests; empty is the model's own
	dimensions int                // length of the vectors that the name promises; 0 is the model's own
	shorten    bool               // whether a request may choose fewer dimensions
}

// SystemFingerprint is the same as long as the same weights answer.
func (t *Target) SystemFingerprint() string {
	sum := sha256.Sum256([]byte(t.Model + "\x00" + t.fingerprint))
	return "fp_" + hex.EncodeToString(sum[:5])
}

// Name is an entry of the configured model map.
type Name struct {
	Target  string // the id of a local model or another name of the map
	URL     string // base URL of an engine that already runs, without /v1
	Key     string // its bearer key; may be empty
	Kind    string // KindChat or KindEmbedding, with URL
	Context int    // tokens, with URL; 0 is not known, and then the engine alone enforces it
}

// Models lists every name that can be asked for, in the order of the vendor's names, the configured ones and the local ids.
func (u *Upstream) Models() []openai.Model {
	created := time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC).Unix()
	var list []openai.Model
	seen := map[string]bool{}
	add := func(name, owner string) {
		if !seen[name] {
			seen[name] = true
			list = append(list, openai.Model{ID: name, Object: "model", Created: created, OwnedBy: owner})
		}
	}
	for _, v := range vendorNames {
		add(v.name, "everpoint")
	}
	for _, name := range u.configured {
		add(name, "everpoint")
	}
	if u.library != nil {
		for _, m := range u.library.Models() {
			add(m.ID, "everpoint")
		}
	}
	return list
}

// Route finds the target of a name for an endpoint of the given kind. It returns the vendor's 404s: model_not_found, and
// the hint to the right endpoint for a model of another kind.
func (u *Upstream) Route(name, kind string) (*Target, error) {
	target, err := u.resolve(name, 0)
	if err != nil {
		return nil, err
	}
	target.Name = name
	if target.kind == kind || target.kind == KindChat && kind == KindCompletion && target.encoding == "" {
		return target, nil
	}
	// The sentences of wire-facts 2, row "This is not a chat model".
	switch kind {
	case KindChat:
		return nil, apierror.NotFoundf("model", "", "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use %s?", endpointOf(target.kind))
	case KindCompletion:
		if target.kind == KindChat {
			return nil, apierror.NotFoundf("model", "", "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?")
		}
	}
	return nil, apierror.NotFoundf("model", "", "The model `%s` is not supported in the %s endpoint. Did you mean to use %s?", name, endpointOf(kind), endpointOf(target.kind))
}

func endpointOf(kind string) string {
	return map[string]string{KindChat: "v1/chat/completions", KindCompletion: "v1/completions", KindEmbedding: "v1/embeddings"}[kind]
}

// resolve follows the configured map first, so that a user can point any name, the vendor's too, somewhere else.
func (u *Upstream) resolve(name string, depth int) (*Target, error) {
	if depth > 8 {
		return nil, apierror.Internal(fmt.Errorf("model names lead in a circle at %q", name))
	}
	vendor, isVendor := u.vendor[name]
	entry, configured := u.names[name]
	var target *Target
	switch {
	case configured && entry.URL != "":
		target = &Target{Model: name, kind: entry.Kind, url: entry.URL, key: entry.Key, context: entry.Context, fingerprint: entry.URL}
	case configured:
		next, err := u.resolve(entry.Target, depth+1)
		if err != nil {
			return nil, err
		}
		target = next
	case isVendor:
		next, err := u.resolve(u.defaults[defaultKind(vendor.kind)], depth+1)
		if err != nil {
			return nil, err
		}
		target = next
	default:
		return u.local(name)
	}
	if isVendor {
		target.kind, target.encoding = vendor.kind, vendor.encoding
		target.dimensions, target.shorten = vendor.dimensions, vendor.shorten
	}
	return target, nil
}

// defaultKind is the kind of local model that serves a kind of name.
func defaultKind(kind string) string {
	if kind == KindCompletion {
		return KindChat
	}
	return kind
}

func (u *Upstream) local(id string) (*Target, error) {
	if u.library == nil {
		return nil, apierror.ModelNotFound(id)
	}
	m, ok := u.library.Model(id)
	if !ok {
		return nil, apierror.ModelNotFound(id)
	}
	return &Target{Model: id, kind: m.Kind, context: m.Context, fim: m.FIM, defaults: m.Defaults, fingerprint: m.SHA256, shorten: m.Kind == KindEmbedding}, nil
}
