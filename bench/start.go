package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureStart measures the time from starting the program to its first 200 from /readyz.
func measureStart(ctx context.Context, o options, r *report) error {
	const times = 10
	dir, err := os.MkdirTemp("", "everpoint-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	var fresh, again []time.Duration
	for i := range times {
		home := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(home, 0o700); err != nil {
			return err
		}
		for _, list := range []*[]time.Duration{&fresh, &again} {
			began := time.Now()
			s, err := startServer(ctx, o, home, "engines: {offline: true}\n")
			if err != nil {
				return err
			}
			*list = append(*list, time.Since(began))
			s.Stop()
		}
	}
	r.add(figure{Name: "start to listening, new data folder", Product: ms(median(fresh)), Unit: "ms", Goal: "≤ 100", missed: ms(median(fresh)) - 100,
		Note: fmt.Sprintf("median of %d; slowest %.0f ms", times, ms(quantile(fresh, 1)))})
	r.add(figure{Name: "start to listening, existing data folder", Product: ms(median(again)), Unit: "ms", Goal: "≤ 100", missed: ms(median(again)) - 100,
		Note: fmt.Sprintf("median of %d; slowest %.0f ms", times, ms(quantile(again, 1)))})
	return nil
}
