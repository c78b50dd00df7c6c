package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// environment is a look-up function over pairs; HOME is always there.
func environment(pairs ...string) func(string) (string, bool) {
	values := map[string]string{"HOME": "/home/ada"}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

// defaults is what Load gives without a file.
func defaults(t *testing.T) Config {
	t.Helper()
	c, err := Load("", environment())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	want := Default()
	want.Data = "/home/ada/.local/share/everpoint"
	got := defaults(t)
	if !strings.HasPrefix(got.Engines.Cache, "/home/ada/") || !strings.HasSuffix(got.Engines.Cache, "/everpoint") {
		t.Errorf("the cache folder is %s", got.Engines.Cache)
	}
	want.Engines.Cache = got.Engines.Cache // differs between systems
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Load = %+v\nwant %+v", got, want)
	}
	if url := got.DatabaseURL(); url != "/home/ada/.local/share/everpoint/everpoint.db" {
		t.Errorf("DatabaseURL = %s", url)
	}
	got.Data = "/elsewhere"
	if url := got.DatabaseURL(); url != "/elsewhere/everpoint.db" {
		t.Errorf("DatabaseURL = %s after a change of Data", url)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestExample(t *testing.T) {
	path := filepath.Join(t.TempDir(), "everpoint.yaml")
	if err := os.WriteFile(path, Example(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, environment())
	if err != nil {
		t.Fatal(err)
	}
	if want := defaults(t); !reflect.DeepEqual(got, want) {
		t.Errorf("the example's values are not the defaults:\n%+v\n%+v", got, want)
	}
	// It has every setting, so that a reader need not look anywhere else.
	doc, problem := parseDocument(path, Example())
	if problem != nil {
		t.Fatal(problem)
	}
	var properties int
	walk(t, reflect.TypeFor[Config](), "", schema(t), func(path string, _ reflect.Type, _ map[string]any) {
		properties++
		if doc.lines[path] == 0 && !strings.HasPrefix(path, "models.names.") {
			t.Errorf("the example lacks %s", path)
		}
	})
	if properties < 40 {
		t.Errorf("only %d settings were compared", properties)
	}
	// The lines that it gives as examples in a comment work as well.
	var lines []string
	for line := range strings.Lines(string(Example())) {
		if rest, found := strings.CutPrefix(line, "  #   "); found {
			lines = append(lines, "  "+rest)
		}
	}
	if len(lines) != 4 {
		t.Fatalf("the example of names is %q", lines)
	}
	got, err = load("example", []byte("models:\n"+strings.Join(lines, "")), environment("BIG_BOX_KEY", "s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Model{
		"gpt-4o":   {Target: "qwen2.5-coder-0.5b-instruct"},
		"my-model": {File: "/models/mine.gguf", Kind: "chat", Context: 8192, Slots: 2},
		"big-box":  {URL: "http://10.0.0.5:8081", KeyEnv: "BIG_BOX_KEY", Key: "s3cret", Kind: "chat", Context: 32768},
	}
	if !reflect.DeepEqual(got.Models.Names, want) {
		t.Errorf("names %+v", got.Models.Names)
	}
}

func schema(t *testing.T) map[string]any {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal(Schema(), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// walk calls visit for every setting of a struct with its part of the schema, and fails on one that either side lacks.
func walk(t *testing.T, typ reflect.Type, path string, part map[string]any, visit func(path string, typ reflect.Type, part map[string]any)) {
	t.Helper()
	properties, _ := part["properties"].(map[string]any)
	if part["additionalProperties"] != false {
		t.Errorf("the schema allows unknown settings in %q", path)
	}
	unseen := map[string]bool{}
	for name := range properties {
		unseen[name] = true
	}
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}
		below := joinPath(path, name)
		property, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("the schema lacks %s", below)
			continue
		}
		delete(unseen, name)
		visit(below, field.Type, property)
		switch {
		case field.Type.Kind() == reflect.Struct:
			walk(t, field.Type, below, property, visit)
		case field.Type.Kind() == reflect.Map:
			walk(t, field.Type.Elem(), below+".NAME", schema(t)["$defs"].(map[string]any)["model"].(map[string]any), visit)
		}
	}
	for name := range unseen {
		t.Errorf("Config lacks %s", joinPath(path, name))
	}
}

func TestSchemaAgreesWithConfig(t *testing.T) {
	// Default as JSON, to compare with the defaults that the schema tells.
	defaultOf := map[string]string{}
	var collect func(path string, v reflect.Value)
	collect = func(path string, v reflect.Value) {
		switch value := v.Interface().(type) {
		case time.Duration:
			defaultOf[path] = fmt.Sprintf("%q", short(value))
		case Bytes:
			defaultOf[path] = fmt.Sprintf("%q", value)
			if value == 0 {
				defaultOf[path] = "0"
			}
		default:
			if v.Kind() == reflect.Struct {
				for i := range v.NumField() {
					name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
					collect(joinPath(path, name), v.Field(i))
				}
				return
			}
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			defaultOf[path] = string(text)
		}
	}
	collect("", reflect.ValueOf(Default()))

	walk(t, reflect.TypeFor[Config](), "", schema(t), func(path string, typ reflect.Type, part map[string]any) {
		if description, _ := part["description"].(string); !strings.HasSuffix(description, ".") {
			t.Errorf("%s has no description that is a sentence", path)
		}
		form := fmt.Sprint(part["type"])
		if part["enum"] != nil {
			form = "string"
		}
		if ref, ok := part["$ref"].(string); ok {
			form = ref
		}
		var want string
		switch {
		case typ == reflect.TypeFor[time.Duration]():
			want = "#/$defs/duration"
		case typ == reflect.TypeFor[Bytes]():
			want = "#/$defs/size"
		case strings.HasSuffix(path, "_env"):
			want = "#/$defs/environment"
		default:
			want = map[reflect.Kind]string{
				reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Slice: "array",
				reflect.Struct: "object", reflect.Map: "object",
			}[typ.Kind()]
		}
		if form != want {
			t.Errorf("%s is %s in the schema and %v in Config", path, form, typ)
		}
		if typ.Kind() == reflect.Struct || strings.HasPrefix(path, "models.names.") {
			return
		}
		told, err := json.Marshal(part["default"])
		if err != nil {
			t.Fatal(err)
		}
		if string(told) != defaultOf[path] {
			t.Errorf("%s: the schema's default is %s, Default's %s", path, told, defaultOf[path])
		}
	})
}

func TestShow(t *testing.T) {
	file := `
listen: 127.0.0.1:9000
data: ~/ep
database_env: DB
limits: {body: 1536KB, drain: 1h0m0s, idle_timeout: 90s}
engines: {memory: 8GB, sources: [packages]}
models:
  names:
    box: {url: "https://box.example", key_env: BOX_KEY, context: 4096}
`
	env := environment("DB", "postgres://ep:hunter2@db.example/ep?sslmode=disable&password=hunter3", "BOX_KEY", "hunter4", "EVERPOINT_BOOTSTRAP_KEY", "hunter5")
	c, err := load("f.yaml", []byte(file), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL() != "postgres://ep:hunter2@db.example/ep?sslmode=disable&password=hunter3" || c.Models.Names["box"].Key != "hunter4" || c.BootstrapKey != "hunter5" || c.Data != "/home/ada/ep" {
		t.Errorf("config %+v", c)
	}
	text, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter") {
		t.Errorf("a secret is shown:\n%s", text)
	}
	for _, want := range []string{
		"\nlisten: 127.0.0.1:9000\n"[1:], "\ndata: /home/ada/ep\n",
		"\ndatabase_env: DB # postgres://ep:xxxxx@db.example/ep?password=xxxxx&sslmode=disable\n",
		"\n  body: 1536KB\n", "\n  drain: 1h\n", "\n  idle_timeout: 1m30s\n", "\n  memory: 8GB\n",
		"\n  sources:\n    - packages\n", "\n      key_env: BOX_KEY\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not shown in:\n%s", want, text)
		}
	}
	again, err := load("shown.yaml", text, env)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, c) {
		t.Errorf("what is shown loads as\n%+v\nnot\n%+v", again, c)
	}

	c = Default()
	c.Database = "postgres://ep:hunter2@db.example/ep" // no file may hold it, but a program can set it
	if text, err = c.Show(); err != nil || !strings.Contains(string(text), "\ndatabase: postgres://ep:xxxxx@db.example/ep\n") {
		t.Errorf("Show: %v\n%s", err, text)
	}
}

func TestEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\ndata: /a\nengines: {cache: /b, sources: [folder, packages]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load("", environment("EVERPOINT_CONFIG", file, "EVERPOINT_LISTEN", ""))
	if err != nil || c.Listen != "127.0.0.1:1" || c.Data != "/a" || c.Engines.Cache != "/b" || !slices.Equal(c.Engines.Sources, []string{"folder", "packages"}) {
		t.Errorf("the file of EVERPOINT_CONFIG gives %+v, %v", c, err)
	}
	c, err = Load(file, environment("EVERPOINT_CONFIG", "/no/such/file", "EVERPOINT_LISTEN", "[::1]:2", "EVERPOINT_DATA", "/c",
		"EVERPOINT_CACHE", "~/d", "EVERPOINT_SOURCES", "packages, huggingface", "EVERPOINT_BOOTSTRAP_KEY", "dev"))
	if err != nil || c.Listen != "[::1]:2" || c.Data != "/c" || c.Engines.Cache != "/home/ada/d" ||
		!slices.Equal(c.Engines.Sources, []string{"packages", "huggingface"}) || c.BootstrapKey != "dev" {
		t.Errorf("the environment gives %+v, %v", c, err)
	}
	c, err = Load("", environment("XDG_DATA_HOME", "/x", "XDG_CACHE_HOME", "relative/does/not/count"))
	if err != nil || c.Data != "/x/everpoint" || !strings.HasPrefix(c.Engines.Cache, "/home/ada/") {
		t.Errorf("the XDG variables give %+v, %v", c, err)
	}
	c, err = Load("", environment("HOME", "", "EVERPOINT_DATA", "/c", "EVERPOINT_CACHE", "/d"))
	if err != nil || c.Data != "/c" {
		t.Errorf("without HOME: %+v, %v", c, err)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "17": 17, "17B": 17, "1KB": 1024, "64MB": 64 << 20, "2 gb": 2 << 30, " 3TB ": 3 << 40, "8388607TB": 8388607 << 40,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("parseBytes(%q) = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MB", "-1", "+1", "1.5GB", "1e3", "64MiB", "8388608TB", "9223372036854775808", "0x10", "1 2"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("parseBytes(%q) = %d", text, got)
		}
	}
	for size, want := range map[Bytes]string{0: "0", 17: "17", 1024: "1KB", 1536: "1536", 1536 << 10: "1536KB", 3 << 40: "3TB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is %q", int64(size), got)
		}
	}
}
