// Package fakeengine is a scripted stand-in for a model's engine. It speaks llama-server's HTTP as this product uses it,
// key for key as the real one answers, and its replies, delays and failures are what a Script says. Tests use it as an
// http.Handler; "everpoint fake-engine" serves it by itself, as the floor of the benchmark among other things.
//
// It makes one token of each word together with the space before it.
package fakeengine

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// DefaultReply is the answer where no rule matches.
const DefaultReply = "The quick brown fox jumps over the lazy dog."

// Script says how an Engine behaves. The zero Script answers everything with DefaultReply at once.
type Script struct {
	Rules      []Rule `json:"rules"`       // the first that matches a request decides
	Model      string `json:"model"`       // the name in answers; default "fake"
	Key        string `json:"key"`         // bearer key that requests need; empty: none
	Context    int    `json:"context"`     // tokens of one slot, prompt and answer together; default 4096
	Slots      int    `json:"slots"`       // how many /slots and /props tell of; default 4. More requests are served all the same.
	Dimensions int    `json:"dimensions"`  // numbers in a vector; default 384
	NeverReady bool   `json:"never_ready"` // every request is answered as by an engine that still loads its model

	// OnRequest is told of every request that passed the key check, before it is answered. It may be called by many
	// goroutines at once and must not keep body.
	OnRequest func(path string, body []byte) `json:"-"`
}

// The values of Rule.Then.
const (
	Cut     = "cut"     // the connection breaks
	Garbage = "garbage" // something that is no JSON comes; a stream then goes on
	Stall   = "stall"   // nothing comes any more until the client goes away
	Error   = "error"   // the engine reports an error of its own, in a stream as {"error":{…}}, and stops
)

// Rule is how requests of one sort are answered. Both conditions have to hold; an empty one always does.
type Rule struct {
	Model    string `json:"model"`    // the request names this model
	Contains string `json:"contains"` // the last message, the prompt or the last input has this in it

	Reply  string `json:"reply"`  // default DefaultReply
	Tokens int    `json:"tokens"` // when positive, the reply is repeated or cut to this many tokens

	FirstToken    time.Duration `json:"first_token"`    // wait before the first token; in JSON a string such as "20ms"
	BetweenTokens time.Duration `json:"between_tokens"` // wait before each other token

	Status int    `json:"status"` // when not 0, the answer is this status with Body
	Body   string `json:"body"`   // default: an error as the engine words it

	Then  string `json:"then"`  // what goes wrong: Cut, Garbage, Stall or Error; empty: nothing
	After int    `json:"after"` // tokens before it does

	// Step, when not nil, is received from before each token and before the end: a test moves the answer on by sending
	// and lets it run free by closing.
	Step <-chan struct{} `json:"-"`

	tokens []string // of Reply and Tokens
}

// ParseScript reads a Script from JSON. Unknown names are errors.
func ParseScript(data []byte) (Script, error) {
	var s Script
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Script{}, fmt.Errorf("the script is not right: %w", err)
	}
	for i, r := range s.Rules {
		switch r.Then {
		case "", Cut, Garbage, Stall, Error:
		default:
			return Script{}, fmt.Errorf("the script is not right: rules[%d].then is %q; it can be cut, garbage, stall or error", i, r.Then)
		}
	}
	return s, nil
}

// UnmarshalJSON reads durations as strings such as "20ms".
func (r *Rule) UnmarshalJSON(data []byte) error {
	type plain Rule
	v := struct {
		*plain
		FirstToken    string `json:"first_token"`
		BetweenTokens string `json:"between_tokens"`
	}{plain: (*plain)(r)}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields() // does not carry over from the outer decoder
	if err := d.Decode(&v); err != nil {
		return err
	}
	for _, f := range []struct {
		text string
		to   *time.Duration
	}{{v.FirstToken, &r.FirstToken}, {v.BetweenTokens, &r.BetweenTokens}} {
		if f.text == "" {
			continue
		}
		d, err := time.ParseDuration(f.text)
		if err != nil {
			return err
		}
		*f.to = d
	}
	return nil
}

// prepared fills in defaults and splits replies once, not per request.
func (s Script) prepared() Script {
	if s.Model == "" {
		s.Model = "fake"
	}
	if s.Context == 0 {
		s.Context = 4096
	}
	if s.Slots == 0 {
		s.Slots = 4
	}
	if s.Dimensions == 0 {
		s.Dimensions = 384
	}
	rules := append(append([]Rule{}, s.Rules...), Rule{}) // the last one matches everything
	for i := range rules {
		r := &rules[i]
		if r.Reply == "" {
			r.Reply = DefaultReply
		}
		r.tokens = split(r.Reply)
		if r.Tokens > 0 {
			r.tokens = repeat(r.tokens, r.Tokens)
		}
	}
	s.Rules = rules
	return s
}

// rule finds the rule for a request. There is always one.
func (s *Script) rule(model, text string) *Rule {
	for i := range s.Rules {
		r := &s.Rules[i]
		if (r.Model == "" || r.Model == model) && (r.Contains == "" || strings.Contains(text, r.Contains)) {
			return r
		}
	}
	return &s.Rules[len(s.Rules)-1]
}
