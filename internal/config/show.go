package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Show is the configuration as YAML that Load would read, without secrets: what comes from a variable is named by it.
func (c Config) Show() ([]byte, error) {
	comments := yaml.CommentMap{}
	switch {
	case c.DatabaseEnv != "":
		comments["$.database_env"] = []*yaml.Comment{yaml.LineComment(" " + maskURL(c.Database))}
		c.Database = ""
	case c.Database == "":
		comments["$.database"] = []*yaml.Comment{yaml.LineComment(" " + c.DatabaseURL())}
	default:
		c.Database = maskURL(c.Database)
	}
	text, err := yaml.MarshalWithOptions(c, yaml.WithComment(comments), yaml.IndentSequence(true),
		yaml.CustomMarshaler(func(d time.Duration) ([]byte, error) { return []byte(short(d)), nil }))
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return text, nil
}

// short is a duration without the zeros at its end: 15m where the standard library has 15m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// maskURL hides the password of a database URL.
func maskURL(raw string) string {
	if !strings.Contains(raw, "://") {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "***" // not readable, so nothing of it can be known to be harmless
	}
	if query := u.Query(); query.Has("password") {
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}
