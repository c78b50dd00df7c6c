package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// finding is something wrong with a Config. paths are the settings it follows from; it is reported at the first.
type finding struct {
	message string
	paths   []string
}

// Check reports what is wrong with a Config as a whole, for one that was changed after Load (flags of the command line).
// It looks at neither the disk nor the network. The error is an *Error without line numbers.
func (c Config) Check() error {
	var problems []Problem
	for _, f := range c.findings() {
		problems = append(problems, Problem{Path: f.paths[0], Message: f.message})
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Problems: problems}
}

// findings are the rules that a schema cannot hold: about a setting's inner form, or about several settings.
func (c Config) findings() (found []finding) {
	add := func(message string, paths ...string) { found = append(found, finding{message, paths}) }

	host, fault := splitListen(c.Listen)
	switch {
	case fault != "":
		add(fault, "listen")
	case !c.Auth && !isLoopback(host):
		add(fmt.Sprintf("requests without keys are accepted on a loopback address alone, and listen is %s; set auth to true, or listen to 127.0.0.1:PORT", c.Listen), "auth", "listen")
	}
	if scheme, _, isURL := strings.Cut(c.Database, "://"); isURL && !slices.Contains([]string{"sqlite", "postgres", "postgresql"}, scheme) {
		add(fmt.Sprintf("%s:// is no database that can be used; the path of an SQLite file, or postgres://USER@HOST:PORT/NAME", scheme), "database")
	}
	switch {
	case c.TLS.Cert != "" && c.TLS.Key == "":
		add("there is a certificate, but no key; set tls.key as well", "tls.cert", "tls.key")
	case c.TLS.Cert == "" && c.TLS.Key != "":
		add("there is a key, but no certificate; set tls.cert as well", "tls.key", "tls.cert")
	case c.TLS.Cert != "" && c.TLS.SelfSigned:
		add("there is a certificate already; leave out self_signed, or cert and key", "tls.self_signed", "tls.cert", "tls.key")
	}
	for i, origin := range c.CORS.Origins {
		if !isOrigin(origin) {
			add(fmt.Sprintf("%q is no origin; scheme://host[:port] without a path, such as https://app.example.com, or \"*\"", origin), fmt.Sprintf("cors.origins[%d]", i))
		}
	}
	if strings.ContainsFunc(c.BootstrapKey, func(r rune) bool { return r <= ' ' || r > '~' }) || len(c.BootstrapKey) > 512 {
		add("is no key that a client could send; 1 to 512 printable ASCII characters without spaces", "")
	}
	c.checkLimits(add)
	c.checkEngines(add)
	c.checkModels(add)
	return found
}

func (c Config) checkLimits(add func(string, ...string)) {
	for _, limit := range []struct {
		path        string
		value       Bytes
		least, most Bytes
	}{
		{"limits.body", c.Limits.Body, 1 << 10, 16 << 30},
		{"limits.header", c.Limits.Header, 4 << 10, 16 << 20},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			add(fmt.Sprintf("%v is out of range; %v to %v", limit.value, limit.least, limit.most), limit.path)
		}
	}
	for _, limit := range []struct {
		path        string
		value       time.Duration
		least, most time.Duration
	}{
		{"limits.header_timeout", c.Limits.HeaderTimeout, 100 * time.Millisecond, time.Hour},
		{"limits.idle_timeout", c.Limits.IdleTimeout, time.Second, 24 * time.Hour},
		{"limits.drain", c.Limits.Drain, 0, 24 * time.Hour},
		{"engines.start_timeout", c.Engines.StartTimeout, time.Second, 24 * time.Hour},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			add(fmt.Sprintf("%s is out of range; %s to %s", short(limit.value), short(limit.least), short(limit.most)), limit.path)
		}
	}
}

func (c Config) checkEngines(add func(string, ...string)) {
	known := Default().Engines.Sources
	for i, source := range c.Engines.Sources {
		if !slices.Contains(known, source) {
			add(fmt.Sprintf("%q is not allowed; one or more of %s", source, strings.Join(known, ", ")), "engines.sources")
		} else if slices.Contains(c.Engines.Sources[:i], source) {
			add(fmt.Sprintf("names %s twice; each item once", source), "engines.sources")
		}
	}
	if len(c.Engines.Sources) == 1 && c.Engines.Sources[0] == "folder" && c.Engines.Folder == "" {
		add("the only source is folder, and engines.folder is empty; set it, or add a source", "engines.sources", "engines.folder")
	}
}

func (c Config) checkModels(add func(string, ...string)) {
	circles := map[string]bool{} // names whose circle is reported
	for _, name := range slices.Sorted(maps.Keys(c.Models.Names)) {
		m := c.Models.Names[name]
		path := "models.names." + name
		below := func(field string) string { return path + "." + field }
		given := 0
		for _, value := range []string{m.Target, m.File, m.URL} {
			if value != "" {
				given++
			}
		}
		if given != 1 {
			add("needs exactly one of target, file and url", path, below("target"), below("file"), below("url"))
			continue
		}
		misplaced := func(isSet, allowed bool, field, where string) {
			if isSet && !allowed {
				add(field+" belongs to a model with "+where, below(field), below("target"), below("file"), below("url"))
			}
		}
		misplaced(m.Kind != "", m.Target == "", "kind", "file or url")
		misplaced(m.Context != 0, m.Target == "", "context", "file or url")
		misplaced(m.Slots != 0, m.File != "", "slots", "file")
		misplaced(m.KeyEnv != "", m.URL != "", "key_env", "url")
		if m.URL != "" {
			if fault := checkEngineURL(m.URL); fault != "" {
				add(fault, below("url"))
			}
		}
		if chain := c.circle(name); chain != nil && !circles[name] {
			for _, member := range chain {
				circles[member] = true
			}
			add("leads back to itself: "+strings.Join(chain, " → "), below("target"))
		}
	}
	if m, ok := c.Models.Names[c.follow(c.Models.Chat)]; ok && m.Kind == "embedding" {
		add(fmt.Sprintf("%s is an embedding model; name one that chats", c.Models.Chat), "models.chat")
	}
}

// circle is the way from a name back to it, or nil when its targets end somewhere.
func (c Config) circle(name string) []string {
	chain := []string{name}
	for at := c.Models.Names[name].Target; ; at = c.Models.Names[at].Target {
		chain = append(chain, at)
		if at == name {
			return chain
		}
		if c.Models.Names[at].Target == "" || len(chain) > len(c.Models.Names) {
			return nil
		}
	}
}

// follow is where a name's targets end.
func (c Config) follow(name string) string {
	for range len(c.Models.Names) {
		if target := c.Models.Names[name].Target; target != "" {
			name = target
		}
	}
	return name
}

// splitListen gives the host of a listen address, or what is wrong with it.
func splitListen(listen string) (host, fault string) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Sprintf("%q is no address; HOST:PORT, such as 127.0.0.1:8080, or [::1]:8080 for IPv6", listen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", fmt.Sprintf("%q is no port; a number from 0 (any free one) to 65535", port)
	}
	return host, ""
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func isOrigin(origin string) bool {
	if origin == "*" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == origin
}

func checkEngineURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "is no address of an engine; http://HOST:PORT or https://HOST"
	case u.User != nil:
		return "holds a password; put it into an environment variable and that one's name into key_env"
	case u.RawQuery != "" || u.Fragment != "":
		return "has a query or a fragment; the base URL alone"
	}
	return ""
}
