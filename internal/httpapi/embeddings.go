package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/internal/upstream"
	"github.com/everpoint/everpoint/openai"
)

// createEmbedding turns texts into vectors.
func (a *API) createEmbedding(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[openai.EmbeddingRequest](a, r, "createEmbedding")
	if err != nil {
		return err
	}
	target, err := a.route(w, r, req.Model, upstream.KindEmbedding)
	if err != nil {
		return err
	}
	if len(req.Input) == 0 {
		return apierror.Invalidf("input", "empty_array", "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	for i, input := range req.Input {
		if input.Text == "" && len(input.Tokens) == 0 {
			return apierror.Invalidf("input", "", "Invalid 'input[%d]': input cannot be an empty string.", i)
		}
	}
	dimensions := 0
	if req.Dimensions != nil {
		dimensions = *req.Dimensions
	}
	vectors, tokens, err := a.upstream.Embed(r.Context(), target, req.Input, dimensions)
	if err != nil {
		return err
	}
	list := openai.EmbeddingList{
		Object: "list", Data: make([]openai.Embedding, len(vectors)), Model: req.Model,
		Usage: openai.EmbeddingUsage{PromptTokens: tokens, TotalTokens: tokens},
	}
	for i, v := range vectors {
		list.Data[i] = openai.Embedding{Object: "embedding", Index: i, Embedding: v}
		if req.EncodingFormat == "base64" {
			list.Data[i].Embedding = base64Floats(v)
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

// base64Floats writes a vector as SDKs read it: little-endian float32 in base64 (wire-facts 8).
func base64Floats(v []float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
