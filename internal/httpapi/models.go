package httpapi

import (
	"net/http"

	"github.com/everpoint/everpoint/internal/apierror"
	"github.com/everpoint/everpoint/openai"
)

// listModels lists every name that a request may ask for.
func (a *API) listModels(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, openai.ModelList{Object: "list", Data: a.upstream.Models()})
}

// retrieveModel describes one of them. Names may hold slashes.
func (a *API) retrieveModel(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("model")
	for _, m := range a.upstream.Models() {
		if m.ID == id {
			return writeJSON(w, http.StatusOK, m)
		}
	}
	e := apierror.ModelNotFound(id)
	e.Message, e.Param = "The model '"+id+"' does not exist", "model" // this endpoint's own sentence
	return e
}
