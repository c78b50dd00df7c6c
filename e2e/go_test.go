package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

// goProgram is the program on the SDK for Go; each of its checks is a subtest.
func goProgram(t *testing.T, s *server) {
	g := goSDK{openai.NewClient(option.WithBaseURL(s.url+"/v1"), option.WithAPIKey(s.key), option.WithMaxRetries(0)), s}
	for _, check := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"chat", g.chat}, {"conversation", g.conversation}, {"parameters", g.parameters}, {"logprobs", g.logprobs},
		{"stream", g.stream}, {"json", g.json}, {"schema", g.schema}, {"completions", g.completions},
		{"completion stream", g.completionStream}, {"embeddings", g.embeddings}, {"models", g.models},
		{"errors", g.errors}, {"error in a stream", g.errorInStream}, {"several at once", g.severalAtOnce},
		{"headers", g.headers}, {"timeout and connection", g.timeoutAndConnection},
	} {
		t.Run(check.name, check.run)
	}
}

type goSDK struct {
	openai.Client
	server *server
}

// counting has an answer that leaves no doubt at any token, so that two runs of it are alike.
const counting = "Count from 1 to 9 in digits, separated by commas, nothing else."

// ask is a request to chat with one message and no randomness.
func ask(text string, maxTokens int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:       openai.ChatModelGPT4oMini,
		Messages:    []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
		MaxTokens:   openai.Int(maxTokens),
		Temperature: openai.Float(0),
		Seed:        openai.Int(11),
	}
}

func (g goSDK) answer(t *testing.T, params openai.ChatCompletionNewParams, options ...option.RequestOption) *openai.ChatCompletion {
	t.Helper()
	answer, err := g.Chat.Completions.New(t.Context(), params, options...)
	if err != nil {
		t.Fatal(err)
	}
	addsUp(t, answer.Usage)
	return answer
}

func addsUp(t *testing.T, u openai.CompletionUsage) {
	t.Helper()
	if u.PromptTokens == 0 || u.PromptTokens+u.CompletionTokens != u.TotalTokens {
		t.Errorf("the usage does not add up: %s", u.RawJSON())
	}
}

func contains(t *testing.T, text, word string) {
	t.Helper()
	if !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
		t.Errorf("no %s in %q", word, text)
	}
}

func (g goSDK) chat(t *testing.T) {
	answer := g.answer(t, openai.ChatCompletionNewParams{
		Model: openai.ChatModelGPT4,
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage("You answer questions about geography in one sentence."),
			openai.UserMessage("Name the capital of Italy."),
		},
		Temperature: openai.Float(0.7),
		MaxTokens:   openai.Int(100),
	})
	contains(t, answer.Choices[0].Message.Content, "Rome")
	if answer.Model != "gpt-4" || answer.Object != "chat.completion" || answer.Choices[0].FinishReason != "stop" {
		t.Errorf("not a whole answer of gpt-4: %s", answer.RawJSON())
	}
	if !strings.HasPrefix(answer.ID, "chatcmpl-") || !strings.HasPrefix(answer.SystemFingerprint, "fp_") {
		t.Errorf("id %q, fingerprint %q", answer.ID, answer.SystemFingerprint)
	}
	if age := time.Since(time.Unix(answer.Created, 0)); age < -5*time.Second || age > time.Minute {
		t.Errorf("created %s ago", age)
	}
}

func (g goSDK) conversation(t *testing.T) {
	params := ask("My parrot is called Bertram. Just say hello to him.", 30)
	first := g.answer(t, params)
	params.Messages = append(params.Messages, first.Choices[0].Message.ToParam(), openai.UserMessage("What is my parrot called?"))
	second := g.answer(t, params)
	contains(t, second.Choices[0].Message.Content, "Bertram")
	if second.Usage.PromptTokens <= first.Usage.PromptTokens {
		t.Errorf("the prompt did not grow: %d, then %d tokens", first.Usage.PromptTokens, second.Usage.PromptTokens)
	}
}

func (g goSDK) parameters(t *testing.T) {
	count := ask(counting, 40)
	count.Stop = openai.ChatCompletionNewParamsStopUnion{OfStringArray: []string{"6", "zz"}}
	choice := g.answer(t, count).Choices[0]
	if choice.FinishReason != "stop" || !strings.Contains(choice.Message.Content, "5") || strings.Contains(choice.Message.Content, "6") {
		t.Errorf("not stopped at 6: %s", choice.RawJSON())
	}

	limited := ask("Tell a story.", 0)
	limited.MaxTokens, limited.MaxCompletionTokens = openai.ChatCompletionNewParams{}.MaxTokens, openai.Int(3)
	if a := g.answer(t, limited); a.Choices[0].FinishReason != "length" || a.Usage.CompletionTokens != 3 {
		t.Errorf("not cut at three tokens: %s", a.RawJSON())
	}

	many := ask("Invent a name for a cat.", 6)
	many.N, many.Temperature, many.TopP, many.Seed = openai.Int(3), openai.Float(1.6), openai.Float(0.98), openai.ChatCompletionNewParams{}.Seed
	many.PresencePenalty, many.FrequencyPenalty, many.User = openai.Float(0.5), openai.Float(0.5), openai.String("user-7")
	texts := map[string]bool{}
	for i, choice := range g.answer(t, many).Choices {
		if choice.Index != int64(i) {
			t.Errorf("choice %d has the index %d", i, choice.Index)
		}
		texts[choice.Message.Content] = true
	}
	if len(texts) < 2 {
		t.Errorf("three answers are one: %v", texts)
	}

	biased := ask("Name the capital of France.", 3)
	biased.LogitBias = map[string]int64{"12650": 100} // " Paris" in o200k_base
	if text := g.answer(t, biased).Choices[0].Message.Content; text != " Paris Paris Paris" {
		t.Errorf("biased to one word, the answer is %q", text)
	}
}

func (g goSDK) logprobs(t *testing.T) {
	params := ask("Name the capital of France.", 4)
	params.Logprobs, params.TopLogprobs = openai.Bool(true), openai.Int(2)
	answer := g.answer(t, params)
	text := ""
	for _, token := range answer.Choices[0].Logprobs.Content {
		text += token.Token
		if token.Logprob > 0 || len(token.TopLogprobs) != 2 || token.TopLogprobs[0].Token != token.Token {
			t.Errorf("not the likeliest of two tokens: %s", token.RawJSON())
		}
	}
	if text != answer.Choices[0].Message.Content {
		t.Errorf("the tokens are %q, the text %q", text, answer.Choices[0].Message.Content)
	}
}

func (g goSDK) stream(t *testing.T) {
	params := ask(counting, 24)
	whole := g.answer(t, params)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := g.Chat.Completions.NewStreaming(t.Context(), params)
	defer stream.Close()
	acc := openai.ChatCompletionAccumulator{}
	chunks := 0
	for ; stream.Next(); chunks++ {
		if !acc.AddChunk(stream.Current()) {
			t.Fatalf("a chunk does not follow: %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if acc.Choices[0].Message.Content != whole.Choices[0].Message.Content || acc.Choices[0].FinishReason != whole.Choices[0].FinishReason {
		t.Errorf("streamed %q (%s), whole %q (%s)", acc.Choices[0].Message.Content, acc.Choices[0].FinishReason,
			whole.Choices[0].Message.Content, whole.Choices[0].FinishReason)
	}
	if acc.Usage.TotalTokens != whole.Usage.TotalTokens || chunks < 4 {
		t.Errorf("%d chunks, usage %s, without streaming %s", chunks, acc.Usage.RawJSON(), whole.Usage.RawJSON())
	}
}

func (g goSDK) json(t *testing.T) {
	params := ask(`Give {"ok": true} back as JSON.`, 40)
	params.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	var object map[string]any
	if err := json.Unmarshal([]byte(g.answer(t, params).Choices[0].Message.Content), &object); err != nil {
		t.Error(err)
	}
}

func (g goSDK) schema(t *testing.T) {
	params := ask("The point (1, 2).", 60)
	params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: "point", Strict: openai.Bool(true),
			Schema: map[string]any{
				"type": "object", "required": []string{"x", "y"}, "additionalProperties": false,
				"properties": map[string]any{"x": map[string]any{"type": "integer"}, "y": map[string]any{"type": "integer"}},
			},
		},
	}
	text := g.answer(t, params).Choices[0].Message.Content
	var point struct{ X, Y int }
	if err := json.Unmarshal([]byte(text), &point); err != nil || point.X != 1 || point.Y != 2 {
		t.Errorf("want the point (1, 2), got %q (%v)", text, err)
	}
}

// complete is a request to continue a text without randomness.
func complete(prompt openai.CompletionNewParamsPromptUnion, maxTokens int64) openai.CompletionNewParams {
	return openai.CompletionNewParams{
		Model: openai.CompletionNewParamsModelGPT3_5TurboInstruct, Prompt: prompt,
		MaxTokens: openai.Int(maxTokens), Temperature: openai.Float(0), Seed: openai.Int(11),
	}
}

func (g goSDK) completions(t *testing.T) {
	texts := func(params openai.CompletionNewParams) []string {
		t.Helper()
		answer, err := g.Completions.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, answer.Usage)
		var list []string
		for _, choice := range answer.Choices {
			list = append(list, choice.Text)
		}
		return list
	}
	both := texts(complete(openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"The capital of France is", "The capital of Italy is"}}, 3))
	contains(t, both[0], "Paris")
	contains(t, both[1], "Rome")

	word := texts(complete(openai.CompletionNewParamsPromptUnion{OfString: openai.String("One, two, three,")}, 5))
	token := texts(complete(openai.CompletionNewParamsPromptUnion{OfArrayOfTokens: []int64{4054, 11, 1403, 11, 2380, 11}}, 5)) // in cl100k_base
	if word[0] != token[0] {
		t.Errorf("continued as text %q, as tokens %q", word[0], token[0])
	}

	filled := complete(openai.CompletionNewParamsPromptUnion{OfString: openai.String("def add(a, b):\n    return ")}, 6)
	filled.Suffix = openai.String("\n\nprint(add(1, 2))\n")
	contains(t, texts(filled)[0], "a + b")

	echo := complete(openai.CompletionNewParamsPromptUnion{OfString: openai.String("One, two,")}, 2)
	echo.Echo = openai.Bool(true)
	if text := texts(echo)[0]; !strings.HasPrefix(text, "One, two,") {
		t.Errorf("no echo in %q", text)
	}
}

func (g goSDK) completionStream(t *testing.T) {
	params := complete(openai.CompletionNewParamsPromptUnion{OfString: openai.String("One, two, three,")}, 6)
	whole, err := g.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	stream := g.Completions.NewStreaming(t.Context(), params)
	defer stream.Close()
	text := ""
	for stream.Next() {
		text += stream.Current().Choices[0].Text
	}
	if err := stream.Err(); err != nil || text != whole.Choices[0].Text {
		t.Errorf("streamed %q, whole %q, error %v", text, whole.Choices[0].Text, err)
	}
}

func (g goSDK) embeddings(t *testing.T) {
	embed := func(model openai.EmbeddingModel, texts ...string) [][]float64 {
		t.Helper()
		answer, err := g.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
			Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
		})
		if err != nil {
			t.Fatal(err)
		}
		vectors := make([][]float64, len(texts))
		for i, d := range answer.Data {
			if d.Index != int64(i) {
				t.Errorf("vector %d has the index %d", i, d.Index)
			}
			vectors[i] = d.Embedding
		}
		return vectors
	}
	for model, length := range map[openai.EmbeddingModel]int{
		openai.EmbeddingModelTextEmbeddingAda002: 1536, openai.EmbeddingModelTextEmbedding3Small: 1536, openai.EmbeddingModelTextEmbedding3Large: 3072,
	} {
		if v := embed(model, "A kettle sings.")[0]; len(v) != length || math.Abs(dot(v, v)-1) > 1e-3 {
			t.Errorf("%s: %d numbers, length %f", model, len(v), math.Sqrt(dot(v, v)))
		}
	}
	v := embed(openai.EmbeddingModelTextEmbedding3Small, "A dog sleeps by the fire.", "A hound naps near the hearth.", "The bank raised its interest rates.")
	if near, far := dot(v[0], v[1]), dot(v[0], v[2]); near < far+0.2 {
		t.Errorf("two like texts have the cosine %.3f, two unlike ones %.3f", near, far)
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func (g goSDK) models(t *testing.T) {
	known := map[string]bool{}
	pager := g.Models.ListAutoPaging(t.Context())
	for pager.Next() {
		known[pager.Current().ID] = true
	}
	if err := pager.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gpt-4o-mini", "gpt-4", "gpt-3.5-turbo-instruct", "text-embedding-3-small"} {
		if !known[name] {
			t.Errorf("%s is not listed", name)
		}
		if model, err := g.Models.Get(t.Context(), name); err != nil || model.ID != name {
			t.Errorf("asked for %s, got %v, %v", name, model, err)
		}
	}
}

func (g goSDK) errors(t *testing.T) {
	with := func(change func(*openai.ChatCompletionNewParams)) openai.ChatCompletionNewParams {
		params := ask("Hello.", 2)
		change(&params)
		return params
	}
	for _, c := range []struct {
		name    string
		params  openai.ChatCompletionNewParams
		options []option.RequestOption
		status  int
		code    string
		param   string
	}{
		{"wrong key", ask("Hello.", 2), []option.RequestOption{option.WithAPIKey("sk-wrong")}, 401, "invalid_api_key", ""},
		{"unknown model", with(func(p *openai.ChatCompletionNewParams) { p.Model = "gpt-nowhere" }), nil, 404, "model_not_found", ""},
		{"temperature", with(func(p *openai.ChatCompletionNewParams) { p.Temperature = openai.Float(3) }), nil, 400, "decimal_above_max_value", "temperature"},
		{"json without the word", with(func(p *openai.ChatCompletionNewParams) {
			p.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
		}), nil, 400, "", "messages"},
		{"too often", with(func(p *openai.ChatCompletionNewParams) { p.Model = "tired" }), nil, 429, "rate_limit_exceeded", ""},
		{"engine fails", with(func(p *openai.ChatCompletionNewParams) { p.Model = "broken" }), nil, 500, "", ""},
	} {
		_, err := g.Chat.Completions.New(t.Context(), c.params, c.options...)
		var failure *openai.Error
		switch {
		case !errors.As(err, &failure):
			t.Errorf("%s: want an error of the API, got %v", c.name, err)
		case failure.StatusCode != c.status || failure.Code != c.code || failure.Param != c.param || failure.Message == "":
			t.Errorf("%s: got %d, code %q, param %q, message %q", c.name, failure.StatusCode, failure.Code, failure.Param, failure.Message)
		}
	}
}

func (g goSDK) errorInStream(t *testing.T) {
	params := ask("Hello.", 50)
	params.Model = "sour"
	stream := g.Chat.Completions.NewStreaming(t.Context(), params)
	defer stream.Close()
	text := ""
	for stream.Next() {
		text += stream.Current().Choices[0].Delta.Content
	}
	if stream.Err() == nil || text == "" {
		t.Errorf("want some text and an error, got %q and %v", text, stream.Err())
	}
}

func (g goSDK) severalAtOnce(t *testing.T) {
	var wait sync.WaitGroup
	for country, city := range map[string]string{"France": "Paris", "Italy": "Rome", "Japan": "Tokyo"} {
		wait.Go(func() {
			answer, err := g.Chat.Completions.New(t.Context(), ask("Name the capital of "+country+".", 12))
			if err != nil {
				t.Error(err)
				return
			}
			contains(t, answer.Choices[0].Message.Content, city)
		})
	}
	wait.Wait()
}

func (g goSDK) headers(t *testing.T) {
	var resp *http.Response
	g.answer(t, ask("Say yes.", 2), option.WithResponseInto(&resp))
	if id := resp.Header.Get("X-Request-Id"); !strings.HasPrefix(id, "req_") {
		t.Errorf("x-request-id is %q", id)
	}
	if version := resp.Header.Get("Openai-Version"); version != "2020-10-01" {
		t.Errorf("openai-version is %q", version)
	}
}

func (g goSDK) timeoutAndConnection(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := g.Chat.Completions.New(ctx, ask("Tell a long story.", 1000)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want a deadline that is exceeded, got %v", err)
	}
	_, err := g.Chat.Completions.New(t.Context(), ask("Hello.", 2), option.WithBaseURL("http://127.0.0.1:9/v1"))
	var failure *openai.Error
	if err == nil || errors.As(err, &failure) {
		t.Errorf("want a failure to connect, got %v", err)
	}
}
