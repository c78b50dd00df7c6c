package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/openai"
)

// The vendor's limits for embeddings (wire-facts 8).
const (
	MaxEmbeddingTokens      = 8192    // of one input
	MaxEmbeddingTotalTokens = 300_000 // of one request
)

const (
	// embeddingMargin is the room for [CLS] and [SEP] in a window.
	embeddingMargin = 2
	// embeddingBatch bounds the texts of one call to the engine, so that a large request leaves room for others.
	embeddingBatch = 64
)

// window is a part of an input that fits the model's context.
type window struct {
	input  int // index of the input that it belongs to
	tokens int // 0 when not counted
	value  any // text, or the model's own tokens
}

// Embed gives one vector of unit length for each input and the number of tokens in all of them. An input that is longer
// than the model's context is embedded in parts, and its vector is the mean of theirs, weighted by their tokens.
//
// dimensions chooses the length of the vectors; 0 is the length that the name promises. A promise above what the model
// gives is kept by zeros at the end, which change no cosine. Below, vectors are cut and made unit length again.
func (u *Upstream) Embed(ctx context.Context, t *Target, inputs []openai.Prompt, dimensions int) ([][]float32, int, error) {
	if dimensions > 0 && !t.shorten {
		return nil, 0, apierror.Invalidf("dimensions", "", "This model does not support specifying dimensions.")
	}
	if t.dimensions > 0 && dimensions > t.dimensions {
		return nil, 0, apierror.Invalidf("dimensions", "integer_above_max_value", "Invalid 'dimensions': integer above maximum value. Expected a value <= %d, but got %d instead.", t.dimensions, dimensions)
	}
	if dimensions == 0 {
		dimensions = t.dimensions
	}
	l, err := u.acquire(ctx, t)
	if err != nil {
		return nil, 0, err
	}
	defer l.release()
	windows, err := u.windows(ctx, l, t, inputs)
	if err != nil {
		return nil, 0, err
	}
	sums := make([][]float64, len(inputs))
	total := 0
	for len(windows) > 0 {
		batch := windows[:min(embeddingBatch, len(windows))]
		windows = windows[len(batch):]
		vectors, tokens, err := u.embedBatch(ctx, l, batch)
		if err != nil {
			return nil, 0, err
		}
		total += tokens
		for i, w := range batch {
			add(&sums[w.input], vectors[i], float64(max(1, w.tokens)))
		}
	}
	if total > MaxEmbeddingTotalTokens {
		return nil, 0, tooManyEmbeddingTokens(total)
	}
	result := make([][]float32, len(inputs))
	for i, sum := range sums {
		native := len(sum)
		if t.dimensions == 0 && dimensions > native {
			return nil, 0, apierror.Invalidf("dimensions", "integer_above_max_value", "Invalid 'dimensions': integer above maximum value. Expected a value <= %d, but got %d instead.", native, dimensions)
		}
		result[i] = unit(sum, dimensions)
	}
	return result, total, nil
}

func tooManyEmbeddingTokens(n int) error {
	return apierror.Invalidf("input", "max_tokens_per_request", "Requested %d tokens, max %d tokens per request", n, MaxEmbeddingTotalTokens)
}

// windows cuts the inputs into parts that fit the model's context. A text of fewer bytes than the context has tokens
// fits for certain and is not counted.
func (u *Upstream) windows(ctx context.Context, l lease, t *Target, inputs []openai.Prompt) ([]window, error) {
	size := t.context - embeddingMargin
	var windows []window
	total := 0
	for i, input := range inputs {
		tokens := input.Tokens
		if tokens == nil || t.encoding != "" {
			text, err := u.textOf(ctx, l, t, input, fmt.Sprintf("input[%d]", i))
			if err != nil {
				return nil, err
			}
			if t.context == 0 || len(text) <= size {
				windows = append(windows, window{input: i, value: text})
				continue
			}
			if tokens, err = u.tokenize(ctx, l, text, false); err != nil {
				return nil, err
			}
			if len(tokens) <= size {
				windows = append(windows, window{input: i, value: text})
				total += len(tokens)
				continue
			}
		}
		if len(tokens) > MaxEmbeddingTokens {
			return nil, apierror.Invalidf("", "", "This model's maximum context length is %d tokens, however you requested %d tokens (%d in your prompt; 0 for the completion). Please reduce your prompt; or completion length.",
				MaxEmbeddingTokens, len(tokens), len(tokens))
		}
		if total += len(tokens); total > MaxEmbeddingTotalTokens {
			return nil, tooManyEmbeddingTokens(total)
		}
		for len(tokens) > 0 {
			n := len(tokens)
			if t.context > 0 {
				n = min(n, size)
			}
			part, err := u.detokenize(ctx, l, tokens[:n])
			if err != nil {
				return nil, err
			}
			windows = append(windows, window{input: i, tokens: n, value: part})
			tokens = tokens[n:]
		}
	}
	return windows, nil
}

// embedBatch asks the engine for the vectors of some windows.
func (u *Upstream) embedBatch(ctx context.Context, l lease, batch []window) ([][]float64, int, error) {
	values := make([]any, len(batch))
	for i, w := range batch {
		values[i] = w.value
	}
	var answer struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float64 `json:"embedding"`
		} `json:"data"`
		Usage openai.EmbeddingUsage `json:"usage"`
	}
	err := u.ask(ctx, l, "/v1/embeddings", map[string]any{"input": values}, &answer)
	if exceeded, ok := errors.AsType[*contextExceeded](err); ok {
		return nil, 0, contextError(exceeded.context, exceeded.tokens, 0, "input")
	}
	if err != nil {
		return nil, 0, err
	}
	vectors := make([][]float64, len(batch))
	for _, d := range answer.Data {
		if d.Index >= 0 && d.Index < len(vectors) {
			vectors[d.Index] = d.Embedding
		}
	}
	for _, v := range vectors {
		if len(v) == 0 {
			return nil, 0, apierror.Upstreamf(http.StatusBadGateway, io.ErrUnexpectedEOF, "The model's engine left out a vector. Please retry.")
		}
	}
	return vectors, answer.Usage.PromptTokens, nil
}

// add puts weight × v onto the sum.
func add(sum *[]float64, v []float64, weight float64) {
	if *sum == nil {
		*sum = make([]float64, len(v))
	}
	for i := range min(len(v), len(*sum)) {
		(*sum)[i] += weight * v[i]
	}
}

// unit cuts or pads v to the given length (0 keeps its own) and scales it to length one.
func unit(v []float64, dimensions int) []float32 {
	if dimensions == 0 {
		dimensions = len(v)
	}
	v = v[:min(len(v), dimensions)]
	var square float64
	for _, x := range v {
		square += x * x
	}
	scale := 1.0
	if square > 0 {
		scale = 1 / math.Sqrt(square)
	}
	out := make([]float32, dimensions)
	for i, x := range v {
		out[i] = float32(x * scale)
	}
	return out
}
