package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Every mistake of a file, with its line and the exact text.
func TestLoadErrors(t *testing.T) {
	for _, row := range []struct {
		name, file string
		env        []string
		want       []string
	}{
		{name: "many at once", file: `listen: 0.0.0.0
lisen: x
auth: maybe
tls:
  cert: /x
limits:
  body: lots
  depth: 0
  header: 1KB
  drain: 30
log:
  level: loud
  format: 3
engines:
  sources: [folder, web]
  threads: 2000
  offline: "yes"
models:
  chat: ""
cors:
`, want: []string{
			`f.yaml:1: listen: "0.0.0.0" is no address; HOST:PORT, such as 127.0.0.1:8080, or [::1]:8080 for IPv6`,
			`f.yaml:2: lisen: there is no such setting; here are auth, cors, data, database, database_env, engines, limits, listen, log, models, tls`,
			`f.yaml:3: auth: is text; it must be true or false`,
			`f.yaml:5: tls.cert: there is a certificate, but no key; set tls.key as well`,
			`f.yaml:7: limits.body: is no size; a number of bytes, or a string such as "512MB" (KB, MB, GB or TB)`,
			`f.yaml:8: limits.depth: 0 is too small; at least 10`,
			`f.yaml:9: limits.header: 1KB is out of range; 4KB to 16MB`,
			`f.yaml:10: limits.drain: is a number; it must be a duration such as "30s", "15m" or "1h30m"`,
			`f.yaml:12: log.level: "loud" is not allowed; one of debug, info, warn, error`,
			`f.yaml:13: log.format: is not text; one of text, json`,
			`f.yaml:15: engines.sources[1]: "web" is not allowed; one of folder, huggingface, packages`,
			`f.yaml:16: engines.threads: 2000 is too large; at most 1024`,
			`f.yaml:17: engines.offline: is text; it must be true or false`,
			`f.yaml:19: models.chat: is empty; give it a value or leave the line out`,
			`f.yaml:20: cors: is empty; give it settings below it or leave the line out`,
		}},
		{name: "not YAML", file: "listen: [1\nx", want: []string{"f.yaml:2: is not YAML: ',' or ']' must be specified"}},
		{name: "name twice", file: "auth: true\nlog: {text: true}\nauth: false", want: []string{`f.yaml:3: is not YAML: mapping key "auth" already defined at [1:1]`}},
		{name: "a list", file: "- a\n- b", want: []string{"f.yaml:1: is a list; it must be settings below it"}},
		{name: "text", file: "\n\nhello", want: []string{"f.yaml:3: is text; it must be settings below it"}},
		{name: "two documents", file: "auth: true\n---\nauth: true", want: []string{"f.yaml:3: a second document begins here; the file holds one"}},
		{name: "anchor", file: "data: &x /a\ndatabase: *x", want: []string{"f.yaml:1: data: anchors, aliases and tags are not used here; write the value itself"}},
		{name: "tag", file: "data: !!str 1", want: []string{"f.yaml:1: data: anchors, aliases and tags are not used here; write the value itself"}},
		{name: "merge", file: "<<: {auth: true}", want: []string{"f.yaml:1: a name must be plain text; anchors, merges and the like are not used here"}},
		{name: "infinite", file: "limits:\n  depth: .inf", want: []string{"f.yaml:2: limits.depth: .inf is no number that can be used"}},
		{name: "several lines", file: "auth: true\ndata: |\n  a\n  b", want: []string{"f.yaml:2: data: is text of several lines; one line, without | or >"}},
		{name: "line break", file: `data: "a\nb"`, want: []string{"f.yaml:1: data: has a line break, a tab or another control character in it"}},
		{name: "line break in a name", file: `models: {names: {"a\nb": {target: x}}}`, want: []string{"f.yaml:1: models.names: a name must be plain text; anchors, merges and the like are not used here"}},
		{name: "deep", file: strings.Repeat("{a: ", 30) + "1" + strings.Repeat("}", 30), want: []string{"f.yaml:1: a" + strings.Repeat(".a", 20) + ": is nested too deeply"}},
		{name: "unknown below", file: "tls:\n  selfsigned: true\nmodels:\n  names:\n    a: {target: x, kinds: chat}", want: []string{
			"f.yaml:2: tls.selfsigned: there is no such setting; here are cert, key, self_signed",
			"f.yaml:5: models.names.a.kinds: there is no such setting; here are context, file, key_env, kind, slots, target, url",
		}},
		{name: "types", file: "listen: 8080\nlimits: 5\nengines:\n  sources: packages\n  memory: true\n  threads: 1.5\nmodels: {names: [x]}", want: []string{
			"f.yaml:1: listen: is a number; it must be text",
			"f.yaml:2: limits: is a number; it must be settings below it",
			"f.yaml:4: engines.sources: is text; it must be a list",
			`f.yaml:5: engines.memory: is true or false; it must be a number of bytes, or a string such as "512MB"`,
			"f.yaml:6: engines.threads: is a number; it must be a whole number",
			"f.yaml:7: models.names: is a list; it must be settings below it",
		}},
		{name: "sources", file: "engines:\n  sources: [packages, folder, packages]", want: []string{"f.yaml:2: engines.sources: names packages twice; each item once"}},
		{name: "no sources", file: "engines:\n  sources: []", want: []string{"f.yaml:2: engines.sources: is an empty list; at least one item"}},
		{name: "folder alone", file: "engines:\n  sources: [folder]", want: []string{"f.yaml:2: engines.sources: the only source is folder, and engines.folder is empty; set it, or add a source"}},
		{name: "times", file: "limits:\n  header_timeout: 1\n  idle_timeout: soon\n  drain: -5s\nengines:\n  idle: 9999999999h\n  start_timeout: 1ms", want: []string{
			`f.yaml:2: limits.header_timeout: is a number; it must be a duration such as "30s", "15m" or "1h30m"`,
			`f.yaml:3: limits.idle_timeout: is no duration; a number and a unit, such as "30s", "15m" or "1h30m"`,
			`f.yaml:4: limits.drain: is no duration; a number and a unit, such as "30s", "15m" or "1h30m"`,
			`f.yaml:6: engines.idle: is no duration; a number and a unit, such as "30s", "15m" or "1h30m"`,
			`f.yaml:7: engines.start_timeout: 1ms is out of range; 1s to 24h`,
		}},
		{name: "sizes", file: "limits:\n  body: 100\n  header: 1GB\nengines:\n  memory: -1", want: []string{
			"f.yaml:2: limits.body: 100 is out of range; 1KB to 16GB",
			"f.yaml:3: limits.header: 1GB is out of range; 4KB to 16MB",
			"f.yaml:5: engines.memory: -1 is too small; at least 0",
		}},
		{name: "no keys for all", file: "listen: 0.0.0.0:80\nauth: false", want: []string{
			"f.yaml:2: auth: requests without keys are accepted on a loopback address alone, and listen is 0.0.0.0:80; set auth to true, or listen to 127.0.0.1:PORT",
		}},
		{name: "no keys, any host", file: "auth: false\nlisten: :80", want: []string{
			"f.yaml:1: auth: requests without keys are accepted on a loopback address alone, and listen is :80; set auth to true, or listen to 127.0.0.1:PORT",
		}},
		{name: "ports", file: "listen: localhost:http", want: []string{`f.yaml:1: listen: "http" is no port; a number from 0 (any free one) to 65535`}},
		{name: "port range", file: "listen: localhost:65536", want: []string{`f.yaml:1: listen: "65536" is no port; a number from 0 (any free one) to 65535`}},
		{name: "key alone", file: "tls:\n  key: /k", want: []string{"f.yaml:2: tls.key: there is a key, but no certificate; set tls.cert as well"}},
		{name: "two certificates", file: "tls:\n  key: /k\n  cert: /c\n  self_signed: true", want: []string{"f.yaml:4: tls.self_signed: there is a certificate already; leave out self_signed, or cert and key"}},
		// Where a part of the rule is wrong itself, the rule is not asked: its answer would be about nothing.
		{name: "no follow-ups", file: "tls:\n  key: /k\n  cert: 5\nlisten: 1\nauth: false", want: []string{
			"f.yaml:3: tls.cert: is a number; it must be text",
			"f.yaml:4: listen: is a number; it must be text",
		}},
		{name: "no follow-ups from a section", file: "engines: 5", env: []string{"EVERPOINT_SOURCES", "folder"}, want: []string{
			"f.yaml:1: engines: is a number; it must be settings below it",
		}},
		{name: "origins", file: "cors:\n  origins:\n    - '*'\n    - https://a.example:8443\n    - https://a.example/\n    - a.example", want: []string{
			`f.yaml:5: cors.origins[2]: "https://a.example/" is no origin; scheme://host[:port] without a path, such as https://app.example.com, or "*"`,
			`f.yaml:6: cors.origins[3]: "a.example" is no origin; scheme://host[:port] without a path, such as https://app.example.com, or "*"`,
		}},
		{name: "database", file: "database: mysql://db/x", want: []string{"f.yaml:1: database: mysql:// is no database that can be used; the path of an SQLite file, or postgres://USER@HOST:PORT/NAME"}},
		{name: "password", file: "database: postgres://u:hunter2@db/x", want: []string{"f.yaml:1: database: holds a password; put the URL into an environment variable and that one's name into database_env"}},
		{name: "password parameter", file: "database: postgres://u@db/x?password=hunter2", want: []string{"f.yaml:1: database: holds a password; put the URL into an environment variable and that one's name into database_env"}},
		{name: "two databases", file: "database: x.db\ndatabase_env: DB", env: []string{"DB", "y.db"}, want: []string{"f.yaml:2: database_env: database and database_env are both set; leave one of them out"}},
		{name: "no variable", file: "database_env: DB", want: []string{"f.yaml:1: database_env: the environment variable DB is not set; it must hold the database's URL"}},
		{name: "wrong variable", file: "database_env: DB", env: []string{"DB", "mysql://u:hunter2@db"}, want: []string{"DB: database: mysql:// is no database that can be used; the path of an SQLite file, or postgres://USER@HOST:PORT/NAME"}},
		{name: "a secret as a name", file: "database_env: postgres://u:hunter2@db/x", want: []string{
			"f.yaml:1: database_env: is not the name of an environment variable (letters, digits and underscores); the secret itself does not belong in this file",
		}},
		{name: "models", file: `models:
  chat: e2
  names:
    none: {}
    both: {target: x, file: y}
    kind: {target: x, kind: chat, context: 5}
    slots: {url: "http://h", slots: 2}
    key_env: {file: x, key_env: K}
    scheme: {url: "ftp://h"}
    user: {url: "http://u:hunter2@h"}
    query: {url: "http://h?x=1"}
    unset: {url: "http://h", key_env: UNSET}
    e1: {file: x, kind: embedding}
    e2: {target: e1}
    word: {file: x, kind: picture}
`, want: []string{
			"f.yaml:2: models.chat: e2 is an embedding model; name one that chats",
			"f.yaml:4: models.names.none: needs exactly one of target, file and url",
			"f.yaml:5: models.names.both: needs exactly one of target, file and url",
			"f.yaml:6: models.names.kind.context: context belongs to a model with file or url",
			"f.yaml:6: models.names.kind.kind: kind belongs to a model with file or url",
			"f.yaml:7: models.names.slots.slots: slots belongs to a model with file",
			"f.yaml:8: models.names.key_env.key_env: key_env belongs to a model with url",
			"f.yaml:9: models.names.scheme.url: is no address of an engine; http://HOST:PORT or https://HOST",
			"f.yaml:10: models.names.user.url: holds a password; put it into an environment variable and that one's name into key_env",
			"f.yaml:11: models.names.query.url: has a query or a fragment; the base URL alone",
			"f.yaml:12: models.names.unset.key_env: the environment variable UNSET is not set; it must hold the key of unset",
			`f.yaml:15: models.names.word.kind: "picture" is not allowed; one of chat, embedding`,
		}},
		{name: "circles", file: "models:\n  names:\n    a: {target: b}\n    b: {target: c}\n    c: {target: b}\n    d: {target: d}\n    ok: {target: a-model}", want: []string{
			"f.yaml:4: models.names.b.target: leads back to itself: b → c → b",
			"f.yaml:6: models.names.d.target: leads back to itself: d → d",
		}},
		{name: "environment", file: "listen: 127.0.0.1:1\nauth: false", env: []string{
			"EVERPOINT_LISTEN", "here", "EVERPOINT_SOURCES", "packages,web", "EVERPOINT_BOOTSTRAP_KEY", "hunter2 and more",
		}, want: []string{
			"EVERPOINT_BOOTSTRAP_KEY: is no key that a client could send; 1 to 512 printable ASCII characters without spaces",
			`EVERPOINT_SOURCES: engines.sources: "web" is not allowed; one or more of folder, huggingface, packages`,
			`EVERPOINT_LISTEN: listen: "here" is no address; HOST:PORT, such as 127.0.0.1:8080, or [::1]:8080 for IPv6`,
		}},
		{name: "no home", file: "", env: []string{"HOME", ""}, want: []string{
			"f.yaml: data: has no default, because HOME is not set; set EVERPOINT_DATA, or this in the file",
			"f.yaml: engines.cache: has no default, because HOME is not set; set EVERPOINT_CACHE, or this in the file",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := load("f.yaml", []byte(row.file), environment(row.env...))
			if err == nil {
				t.Fatal("no error")
			}
			if e, ok := errors.AsType[*Error](err); !ok || len(e.Problems) != len(row.want) || !reflect.DeepEqual(c, Config{}) {
				t.Errorf("Load = %+v, %T with other than %d problems", c, err, len(row.want))
			}
			if got, want := err.Error(), strings.Join(row.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Error("a secret is in the error")
			}
		})
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := Load("/no/such/everpoint.yaml", environment())
	const want = "/no/such/everpoint.yaml: the configuration cannot be read: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("Load = %v, want %s", err, want)
	}
}

// Check is for a Config that was changed after Load: it has no lines, and what Load filled in is no mistake.
func TestCheck(t *testing.T) {
	c, err := load("f.yaml", []byte("database_env: DB"), environment("DB", "postgres://u:p@db/x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c.Auth, c.Listen = false, "192.168.1.1:80"
	const want = "auth: requests without keys are accepted on a loopback address alone, and listen is 192.168.1.1:80; set auth to true, or listen to 127.0.0.1:PORT"
	if err := c.Check(); err == nil || err.Error() != want {
		t.Errorf("Check = %v, want %s", err, want)
	}
	for _, listen := range []string{"127.0.0.1:80", "localhost:80", "[::1]:0", "127.8.8.8:1", "[::ffff:127.0.0.1]:1"} {
		c.Listen = listen
		if err := c.Check(); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

// Whatever the file holds, Load gives a valid Config or an *Error, and what a valid one shows loads as the same.
func FuzzLoad(f *testing.F) {
	f.Add(string(Example()))
	f.Add("listen: :80\nauth: false\nlimits: {body: 1GB, drain: 1h}\n")
	f.Add("models: {chat: a, names: {a: {url: 'http://h:1', key_env: SECRET}, b: {target: a}}}\n")
	f.Add("database_env: SECRET\ncors: {origins: ['*', 'https://a.example']}\nengines: {sources: [packages]}\n")
	f.Add("tls:\n  cert: /x\n  key: |\n    y\n# end\n---\n")
	f.Add("a: &x [*x, !!binary 'x', ? y]\n<<: *x")
	f.Fuzz(func(t *testing.T, text string) {
		env := environment("SECRET", "hunter2")
		c, err := load("f.yaml", []byte(text), env)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || len(e.Problems) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if err := c.Check(); err != nil {
			t.Fatalf("loaded, but: %v", err)
		}
		shown, err := c.Show()
		if err != nil {
			t.Fatal(err)
		}
		again, err := load("shown.yaml", shown, env)
		if err != nil {
			t.Fatalf("what is shown does not load: %v\n%s", err, shown)
		}
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("what is shown loads as\n%+v\nnot\n%+v\n%s", again, c, shown)
		}
	})
}
