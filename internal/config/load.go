package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Load reads the YAML file at path (when empty: the one that EVERPOINT_CONFIG names; when that is unset: none), lays it
// over Default, lays the environment over that, and checks the result. A variable that is set to nothing counts as unset.
// env is os.LookupEnv or a test's stand-in. Every mistake is reported at once: the error is an *Error.
func Load(path string, env func(string) (string, bool)) (Config, error) {
	if path == "" {
		path, _ = env("EVERPOINT_CONFIG")
	}
	var text []byte
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			var reason *os.PathError
			if errors.As(err, &reason) {
				err = reason.Err
			}
			return Config{}, &Error{Problems: []Problem{{File: path, Message: "the configuration cannot be read: " + err.Error()}}}
		}
	}
	return load(path, text, env)
}

// loader is one Load at work.
type loader struct {
	config   Config
	doc      document
	env      func(string) (string, bool)
	variable map[string]string // which environment variable set a path, for those that one did
	spoilt   []string          // paths that the schema refused; what follows from their absence is no news
	problems []Problem
}

func load(file string, text []byte, env func(string) (string, bool)) (Config, error) {
	l := &loader{config: Default(), env: env, variable: map[string]string{}}
	if err := l.readFile(file, text); err != nil {
		return Config{}, err
	}
	l.readEnvironment()
	l.fillIn()
	for _, f := range l.config.findings() {
		l.report(f)
	}
	if len(l.problems) > 0 {
		slices.SortStableFunc(l.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
		})
		return Config{}, &Error{Problems: l.problems}
	}
	return l.config, nil
}

// readFile lays the file over the defaults. Places that break the schema are reported and left out, so that the rest
// can be looked at as well.
func (l *loader) readFile(file string, text []byte) error {
	doc, problem := parseDocument(file, text)
	if problem != nil {
		return &Error{Problems: []Problem{*problem}}
	}
	l.doc = doc
	if doc.root == nil {
		return nil
	}
	faults, err := doc.validate()
	if err != nil {
		return err
	}
	for _, f := range faults {
		path := doc.path(f.steps)
		l.problems = append(l.problems, Problem{File: file, Line: doc.line(path), Path: path, Message: f.message})
		l.spoilt = append(l.spoilt, path)
		l.doc.prune(f.steps)
	}
	if l.doc.root == nil {
		return nil
	}
	if err := yaml.NodeToValue(l.doc.root, &l.config); err != nil {
		p := Problem{File: file, Message: err.Error()}
		if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
			p.Line, p.Message = e.GetToken().Position.Line, e.GetMessage()
		}
		l.problems = append(l.problems, p)
	}
	return nil
}

// report adds a finding with the place it comes from, unless it follows from a mistake that is reported already.
func (l *loader) report(f finding) {
	for _, path := range f.paths {
		for _, spoilt := range l.spoilt {
			if path == spoilt || strings.HasPrefix(path, spoilt+".") || strings.HasPrefix(spoilt, path+"[") {
				return
			}
		}
	}
	p := Problem{File: l.doc.file, Path: f.paths[0], Message: f.message}
	if name := l.variable[f.paths[0]]; name != "" {
		p.File = name
	} else {
		p.Line = l.doc.line(f.paths[0])
	}
	l.problems = append(l.problems, p)
}

// lookup is a variable's value; one that is empty counts as unset.
func (l *loader) lookup(name string) (string, bool) {
	value, _ := l.env(name)
	return value, value != ""
}

// readEnvironment lays the variables of our own over the file.
func (l *loader) readEnvironment() {
	for _, v := range []struct {
		name, path string
		target     *string
	}{
		{"EVERPOINT_LISTEN", "listen", &l.config.Listen},
		{"EVERPOINT_DATA", "data", &l.config.Data},
		{"EVERPOINT_CACHE", "engines.cache", &l.config.Engines.Cache},
		{"EVERPOINT_BOOTSTRAP_KEY", "", &l.config.BootstrapKey},
	} {
		if value, ok := l.lookup(v.name); ok {
			*v.target = value
			l.variable[v.path] = v.name
		}
	}
	if value, ok := l.lookup("EVERPOINT_SOURCES"); ok {
		l.config.Engines.Sources = nil
		for source := range strings.SplitSeq(value, ",") {
			l.config.Engines.Sources = append(l.config.Engines.Sources, strings.TrimSpace(source))
		}
		l.variable["engines.sources"] = "EVERPOINT_SOURCES"
	}
}

// fillIn replaces what stands for something else: the folders of this user, "~", and the variables that hold secrets.
func (l *loader) fillIn() {
	c := &l.config
	home, _ := l.lookup("HOME")
	c.Data = l.folder("data", c.Data, "EVERPOINT_DATA", "XDG_DATA_HOME", filepath.Join(home, ".local", "share"))
	caches := filepath.Join(home, ".cache")
	if runtime.GOOS == "darwin" {
		caches = filepath.Join(home, "Library", "Caches")
	}
	c.Engines.Cache = l.folder("engines.cache", c.Engines.Cache, "EVERPOINT_CACHE", "XDG_CACHE_HOME", caches)
	for _, path := range []*string{&c.Data, &c.Database, &c.TLS.Cert, &c.TLS.Key, &c.Engines.Cache, &c.Engines.LlamaServer, &c.Engines.Folder} {
		*path = underHome(*path, home)
	}

	if c.Database != "" && c.DatabaseEnv != "" {
		l.report(finding{"database and database_env are both set; leave one of them out", []string{"database_env", "database"}})
	} else if hasPassword(c.Database) {
		l.report(finding{"holds a password; put the URL into an environment variable and that one's name into database_env", []string{"database"}})
	} else if c.DatabaseEnv != "" {
		c.Database = l.secret(c.DatabaseEnv, "database_env", "the database's URL")
		l.variable["database"] = c.DatabaseEnv
	}
	for name, model := range c.Models.Names {
		model.File = underHome(model.File, home)
		if model.KeyEnv != "" && model.URL != "" {
			model.Key = l.secret(model.KeyEnv, "models.names."+name+".key_env", "the key of "+name)
		}
		c.Models.Names[name] = model
	}
}

// folder is a setting, or else "everpoint" in the folder that a variable or the system's custom names.
func (l *loader) folder(path, value, ours, variable, custom string) string {
	if value != "" {
		return value
	}
	if parent, ok := l.lookup(variable); ok && filepath.IsAbs(parent) { // the XDG rules: a relative one does not count
		return filepath.Join(parent, "everpoint")
	}
	if !filepath.IsAbs(custom) {
		l.report(finding{fmt.Sprintf("has no default, because HOME is not set; set %s, or this in the file", ours), []string{path}})
		return ""
	}
	return filepath.Join(custom, "everpoint")
}

func (l *loader) secret(variable, path, what string) string {
	value, ok := l.lookup(variable)
	if !ok {
		l.report(finding{fmt.Sprintf("the environment variable %s is not set; it must hold %s", variable, what), []string{path}})
	}
	return value
}

// underHome is a path with the "~" in front replaced, as a shell would.
func underHome(path, home string) string {
	if rest, found := strings.CutPrefix(path, "~/"); found && home != "" {
		return filepath.Join(home, rest)
	}
	return path
}

// hasPassword says whether a database URL holds one, in either of the places that Postgres reads it from.
func hasPassword(database string) bool {
	if !strings.Contains(database, "://") {
		return false
	}
	u, err := url.Parse(database)
	if err != nil {
		return strings.Contains(database, "@")
	}
	_, set := u.User.Password()
	return set || u.Query().Get("password") != ""
}
