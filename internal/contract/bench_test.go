package contract

import (
	"strings"
	"testing"
)

const smallChat = `{"model":"gpt-3.5-turbo","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Who won the world series in 2020?"}],"temperature":0.7,"max_tokens":256,"stream":true,"stop":["\n","END"],"user":"user-1234"}`

func BenchmarkSmallChat(b *testing.B) {
	body := []byte(smallChat)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check("createChatCompletion", body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLargeChat is linear when its MB/s are about the same at each size.
func BenchmarkLargeChat(b *testing.B) {
	message := `{"role":"user","content":[{"type":"text","text":"` + strings.Repeat("a word or two ", 20) + `"}]},{"role":"assistant","content":"` + strings.Repeat("and \\\"back\\\" ", 20) + `"}`
	for name, count := range map[string]int{"100KB": 175, "1MB": 1750, "10MB": 17500} {
		b.Run(name, func(b *testing.B) {
			body := []byte(messages(repeat(message, count)))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Check("createChatCompletion", body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTokens is the densest body there is: embeddings of token arrays.
func BenchmarkTokens(b *testing.B) {
	body := []byte(`{"model":"m","input":[` + repeat("["+repeat("15339", 100)+"]", 2000) + `]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check("createEmbedding", body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkManyFaults is a body in which everything is wrong: words are found for few of the faults.
func BenchmarkManyFaults(b *testing.B) {
	body := []byte(messages(repeat(`{"role":7}`, 50000)))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check("createChatCompletion", body); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load()
	}
}
