package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/everpoint/everpoint/internal/engines"
)

// engineMetrics shows the engines on /metrics. It asks the supervisor at each scrape, so nothing has to be kept in step.
type engineMetrics struct {
	status func() []engines.Status

	ready, slots, busy, queue, memory, restarts *prometheus.Desc
}

func newEngineMetrics(status func() []engines.Status) *engineMetrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("everpoint_engine_"+name, help, []string{"model"}, nil)
	}
	return &engineMetrics{
		status:   status,
		ready:    desc("ready", "1 when the model is loaded and its engine answers, else 0."),
		slots:    desc("slots", "Answers that the engine can make at the same time."),
		busy:     desc("slots_busy", "Answers that the engine is making."),
		queue:    desc("queue", "Requests that wait for a slot."),
		memory:   desc("memory_bytes", "Memory that the engine's process holds."),
		restarts: desc("restarts_total", "Times that the engine ended by itself or did not get ready."),
	}
}

// Describe sends what Collect may send.
func (m *engineMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.ready, m.slots, m.busy, m.queue, m.memory, m.restarts} {
		ch <- d
	}
}

// Collect sends the figures of this moment.
func (m *engineMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, s := range m.status() {
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Model)
		}
		ready := 0.0
		if s.State == engines.StateReady {
			ready = 1
		}
		gauge(m.ready, ready)
		gauge(m.slots, float64(s.Slots))
		gauge(m.busy, float64(s.Busy))
		gauge(m.queue, float64(s.Queue))
		gauge(m.memory, float64(s.Memory))
		ch <- prometheus.MustNewConstMetric(m.restarts, prometheus.CounterValue, float64(s.Restarts), s.Model)
	}
}
