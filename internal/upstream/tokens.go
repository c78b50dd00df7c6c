package upstream

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/openai"
)

// tokenize gives the engine's own tokens of a text. Special tokens such as <|im_end|> are read as such.
func (u *Upstream) tokenize(ctx context.Context, l lease, text string, addSpecial bool) ([]int, error) {
	var answer struct {
		Tokens []int `json:"tokens"`
	}
	err := u.ask(ctx, l, "/tokenize", map[string]any{"content": text, "add_special": addSpecial, "parse_special": true}, &answer)
	return answer.Tokens, err
}

// detokenize gives the text of the engine's own tokens.
func (u *Upstream) detokenize(ctx context.Context, l lease, tokens []int) (string, error) {
	var answer struct {
		Content string `json:"content"`
	}
	err := u.ask(ctx, l, "/detokenize", map[string]any{"tokens": tokens}, &answer)
	return answer.Content, err
}

// decode gives the text of tokens in a vendor's encoding. param names the field in the error for a number that is no token.
func decode(encoding tokenizer.Encoding, tokens []int, param string) (string, error) {
	codec, err := tokenizer.Get(encoding)
	if err != nil {
		return "", apierror.Internal(err)
	}
	ids := make([]uint, len(tokens))
	for i, token := range tokens {
		if token < 0 {
			return "", apierror.Invalidf(param, "invalid_value", "Invalid '%s': %d is not a token of this model.", param, token)
		}
		ids[i] = uint(token)
	}
	text, err := codec.Decode(ids)
	if err != nil {
		return "", apierror.Invalidf(param, "invalid_value", "Invalid '%s': it holds a number that is not a token of this model.", param)
	}
	return text, nil
}

// logitBias turns the request's map into the engine's tokens. Old code computes token numbers in the vendor's encoding,
// so for a vendor's name they are decoded there; a token that is several of the engine's biases the first of them.
func (u *Upstream) logitBias(ctx context.Context, l lease, t *Target, bias map[string]float64) ([][2]float64, error) {
	list := make([][2]float64, 0, len(bias))
	for key, value := range bias {
		token, err := strconv.Atoi(key)
		if err != nil || token < 0 {
			return nil, apierror.Invalidf("logit_bias", "invalid_value", "Invalid key in 'logit_bias': %s. You should only be submitting non-negative integers.", key)
		}
		if t.encoding != "" {
			text, err := decode(t.encoding, []int{token}, "logit_bias")
			if err != nil {
				return nil, err
			}
			if !utf8.ValidString(text) {
				continue // a part of a character, which has no engine token of its own
			}
			tokens, err := u.tokenize(ctx, l, text, false)
			if err != nil {
				return nil, err
			}
			if len(tokens) == 0 {
				continue
			}
			token = tokens[0]
		}
		list = append(list, [2]float64{float64(token), value})
	}
	slices.SortFunc(list, func(a, b [2]float64) int { return int(a[0] - b[0]) })
	return list, nil
}

// textOf gives the text of a prompt. For a vendor's name tokens are the vendor's; else they are the engine's own.
func (u *Upstream) textOf(ctx context.Context, l lease, t *Target, p openai.Prompt, param string) (string, error) {
	switch {
	case p.Tokens == nil:
		return p.Text, nil
	case t.encoding != "":
		text, err := decode(t.encoding, p.Tokens, param)
		return strings.ToValidUTF8(text, "\uFFFD"), err
	}
	return u.detokenize(ctx, l, p.Tokens)
}

// PromptTokens counts a prompt in the engine's own tokens.
func (u *Upstream) PromptTokens(ctx context.Context, t *Target, p openai.Prompt, index int) (int, error) {
	if p.Tokens != nil && t.encoding == "" {
		return len(p.Tokens), nil
	}
	l, err := u.acquire(ctx, t)
	if err != nil {
		return 0, err
	}
	defer l.release()
	text, err := u.textOf(ctx, l, t, p, fmt.Sprintf("prompt[%d]", index))
	if err != nil {
		return 0, err
	}
	tokens, err := u.tokenize(ctx, l, text, true)
	return len(tokens), err
}
