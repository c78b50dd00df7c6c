package upstream

import (
	"github.com/tiktoken-go/tokenizer"

	"github.com/everpoint/everpoint/internal/engines"
)

// The kinds of model names. A local chat model serves chat and completion; a vendor's name serves only its own kind, as
// it does there.
const (
	KindChat       = engines.KindChat
	KindCompletion = "completion"
	KindEmbedding  = engines.KindEmbedding
)

// vendorName is a model name of the vendor that leads to a local model of its kind.
type vendorName struct {
	name     string
	kind     string
	encoding tokenizer.Encoding // what token numbers in a request mean (wire-facts 9)
	// dimensions is the length of the vendor's vectors; shorten tells whether the model lets a request choose fewer.
	dimensions int
	shorten    bool
}

// vendorNames is the default map: each of these names answers from the default local model of its kind, so that old
// code runs unchanged. The chat names are the contract's ModelIdsShared that speak text and the names that came before.
var vendorNames = buildVendorNames()

func buildVendorNames() []vendorName {
	const o200k, cl100k = tokenizer.O200kBase, tokenizer.Cl100kBase
	var names []vendorName
	add := func(kind string, encoding tokenizer.Encoding, list ...string) {
		for _, name := range list {
			names = append(names, vendorName{name: name, kind: kind, encoding: encoding})
		}
	}
	add(KindChat, o200k,
		"gpt-4o", "gpt-4o-2024-05-13", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20", "chatgpt-4o-latest",
		"gpt-4o-mini", "gpt-4o-mini-2024-07-18",
		"gpt-4.1", "gpt-4.1-2025-04-14", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14",
		"gpt-4.5-preview", "gpt-4.5-preview-2025-02-27")
	add(KindChat, cl100k,
		"gpt-4", "gpt-4-0314", "gpt-4-0613", "gpt-4-32k", "gpt-4-32k-0314", "gpt-4-32k-0613",
		"gpt-4-turbo", "gpt-4-turbo-2024-04-09", "gpt-4-turbo-preview", "gpt-4-0125-preview", "gpt-4-1106-preview", "gpt-4-vision-preview",
		"gpt-3.5-turbo", "gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", "gpt-3.5-turbo-1106", "gpt-3.5-turbo-0125",
		"gpt-3.5-turbo-16k", "gpt-3.5-turbo-16k-0613")
	add(KindCompletion, cl100k,
		"gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct-0914", "davinci-002", "babbage-002")
	add(KindCompletion, tokenizer.P50kBase,
		"text-davinci-003", "text-davinci-002", "code-davinci-002", "code-cushman-001")
	add(KindCompletion, tokenizer.R50kBase,
		"text-davinci-001", "text-curie-001", "text-babbage-001", "text-ada-001", "davinci", "curie", "babbage", "ada")
	return append(names,
		vendorName{name: "text-embedding-ada-002", kind: KindEmbedding, encoding: cl100k, dimensions: 1536},
		vendorName{name: "text-embedding-3-small", kind: KindEmbedding, encoding: cl100k, dimensions: 1536, shorten: true},
		vendorName{name: "text-embedding-3-large", kind: KindEmbedding, encoding: cl100k, dimensions: 3072, shorten: true})
}
