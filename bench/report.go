package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// figure is one row: what was measured directly, through Everpoint, and how the two compare.
type figure struct {
	Name     string   `json:"name"`
	Direct   *float64 `json:"direct,omitempty"`
	Product  float64  `json:"everpoint"`
	Unit     string   `json:"unit"`
	Added    *float64 `json:"added,omitempty"`
	Ratio    *float64 `json:"ratio,omitempty"`
	Goal     string   `json:"goal,omitempty"`
	Met      *bool    `json:"goal_met,omitempty"`
	MissedBy float64  `json:"missed_by,omitempty"`
	Note     string   `json:"note,omitempty"`

	missed float64 // above 0 when there is a goal and it is missed
}

// report is all that a run found out.
type report struct {
	Started   time.Time `json:"started"`
	Commit    string    `json:"commit"`
	Go        string    `json:"go"`
	Quick     bool      `json:"quick,omitempty"`
	Machine   machine   `json:"machine"`
	LoadAfter string    `json:"load_average_after"`
	Engine    string    `json:"engine,omitempty"`
	Model     string    `json:"model,omitempty"`
	Figures   []figure  `json:"figures"`
}

func (r *report) add(f figure) {
	if f.Goal != "" {
		met := f.missed <= 0
		f.Met = &met
		if !met {
			f.MissedBy = f.missed
		}
	}
	r.Figures = append(r.Figures, f)
}

// machine is what the figures were measured on.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	OS     string `json:"os"`
	Load   string `json:"load_average_before"`
}

func describeMachine() machine {
	m := machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), OS: runtime.GOOS, Load: loadAverage()}
	if v := lineOf("/proc/cpuinfo", "model name", ":"); v != "" {
		m.CPU = v
	}
	if v := lineOf("/proc/meminfo", "MemTotal", ":"); v != "" {
		var kb float64
		if _, err := fmt.Sscanf(v, "%f", &kb); err == nil {
			m.Memory = fmt.Sprintf("%.0f GiB", kb/(1<<20))
		}
	}
	if v := lineOf("/etc/os-release", "PRETTY_NAME", "="); v != "" {
		m.OS = strings.Trim(v, `"`)
	}
	if v, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel, _, _ := strings.Cut(strings.TrimSpace(string(v)), "-")
		m.OS += ", Linux " + kernel
	}
	return m
}

// lineOf finds the value of a key in a file of keys and values; "" when it is not there.
func lineOf(path, key, separator string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, separator); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// table is the report as Markdown, which reads well in a terminal too.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, commit %s, %s. %s, %d cores, %s; %s. Load average of the machine: %s before, %s after.",
		r.Started.Format(time.DateOnly), r.Commit, r.Go, r.Machine.CPU, r.Machine.Cores, r.Machine.Memory, r.Machine.OS, r.Machine.Load, r.LoadAfter)
	if r.Model != "" {
		fmt.Fprintf(&b, " Model %s on %s.", r.Model, r.Engine)
	}
	if r.Quick {
		b.WriteString(" A quick run: the figures are rough.")
	}
	rows := [][]string{{"", "engine directly", "through Everpoint", "difference", "goal", ""}, {"---", "---:", "---:", "---:", "---", "---"}}
	for _, f := range r.Figures {
		row := []string{f.Name, "", number(f.Product) + " " + f.Unit, "", f.Goal, ""}
		if f.Direct != nil {
			row[1] = number(*f.Direct) + " " + f.Unit
		}
		switch {
		case f.Ratio != nil:
			row[3] = fmt.Sprintf("× %.3f", *f.Ratio)
		case f.Added != nil:
			row[3] = fmt.Sprintf("%+.2f %s", *f.Added, f.Unit)
		}
		switch {
		case f.Met != nil && *f.Met:
			row[5] = "met"
		case f.Met != nil:
			row[5] = "missed by " + number(f.MissedBy)
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	b.WriteString("\n\n")
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+1))
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n")
	for _, f := range r.Figures {
		if f.Note != "" {
			fmt.Fprintf(&b, "- %s: %s.\n", f.Name, f.Note)
		}
	}
	return b.String()
}

// number writes a figure with as many digits as mean something.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	case abs >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median[T cmp.Ordered](list []T) T { return quantile(list, 0.5) }

// quantile is the value below which a share q of the list lies.
func quantile[T cmp.Ordered](list []T, q float64) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
