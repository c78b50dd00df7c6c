package openai

// Model is one entry of GET /v1/models.
type Model struct {
	ID      string `json:"id"`
	Object  string `json:"object"` // "model"
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// ModelList is the answer of GET /v1/models, which is not paged (wire-facts 6).
type ModelList struct {
	Object string  `json:"object"` // "list"
	Data   []Model `json:"data"`
}
