package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/everpoint/everpoint/internal/engines"
)

func TestEngineMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry() // checks Collect against Describe
	registry.MustRegister(newEngineMetrics(func() []engines.Status {
		return []engines.Status{
			{Model: "a", State: engines.StateReady, Slots: 4, Busy: 3, Queue: 2, Restarts: 1, Memory: 1000},
			{Model: "b", State: engines.StateLoading},
		}
	}))
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`everpoint_engine_ready{model="a"} 1`, `everpoint_engine_ready{model="b"} 0`, `everpoint_engine_slots{model="a"} 4`,
		`everpoint_engine_slots_busy{model="a"} 3`, `everpoint_engine_queue{model="a"} 2`,
		`everpoint_engine_memory_bytes{model="a"} 1000`, `everpoint_engine_restarts_total{model="a"} 1`,
	} {
		if !strings.Contains(page.Body.String(), want+"\n") {
			t.Errorf("the page lacks %s:\n%s", want, page.Body)
		}
	}
}
