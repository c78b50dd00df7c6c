package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes. In YAML it is an integer, or a string such as "512MB"; units count in steps of 1024, as the
// vendor's own limits do (its "25 MB" is 26,214,400 bytes).
type Bytes int64

// units has the largest first, as String needs them.
var units = []struct {
	name string
	size Bytes
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// String has the largest unit that needs no fraction; a size of 0 is "0".
func (b Bytes) String() string {
	for _, unit := range units {
		if b != 0 && unit.size > 1 && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalYAML writes what UnmarshalYAML reads.
func (b Bytes) MarshalYAML() (any, error) {
	if text := b.String(); strings.HasSuffix(text, "B") {
		return text, nil
	}
	return int64(b), nil
}

// UnmarshalYAML reads an integer or a string with a unit.
func (b *Bytes) UnmarshalYAML(unmarshal func(any) error) error {
	var value any
	if err := unmarshal(&value); err != nil {
		return err
	}
	size, err := parseBytes(fmt.Sprint(value))
	*b = size
	return err
}

var errSize = errors.New(`is no size; a number of bytes, or a string such as "512MB" (KB, MB, GB or TB)`)

func parseBytes(text string) (Bytes, error) {
	upper := strings.ToUpper(strings.TrimSpace(text))
	factor := Bytes(1)
	for _, unit := range units {
		if number, found := strings.CutSuffix(upper, unit.name); found {
			upper, factor = strings.TrimSpace(number), unit.size
			break
		}
	}
	whole, err := strconv.ParseInt(upper, 10, 64)
	if err != nil || whole < 0 || whole > math.MaxInt64/int64(factor) || strings.HasPrefix(upper, "+") {
		return 0, errSize
	}
	return Bytes(whole) * factor, nil
}
