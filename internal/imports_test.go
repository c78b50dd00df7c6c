// Package internal_test holds what is true of all packages together.
package internal_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/everpoint/everpoint/"

// sourcePackage is a package as go list describes it.
type sourcePackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func (p sourcePackage) name() string { return strings.TrimPrefix(p.ImportPath, module) }

// sources lists the packages of this module, without the one whose only files are tests.
func sources(t *testing.T) []sourcePackage {
	t.Helper()
	// go test looks at the files that a test itself opens to tell whether its last result still holds. go list opens
	// them unseen, so the folders are read here too: a new file or package then makes the test run again.
	for _, root := range []string{"../cmd", "../internal", "../openai"} {
		if err := filepath.WalkDir(root, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./cmd/...", "./internal/...", "./openai/...")
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []sourcePackage
	for d := json.NewDecoder(strings.NewReader(string(output))); d.More(); {
		var p sourcePackage
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			packages = append(packages, p)
		}
	}
	if len(packages) < 10 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	return packages
}

// importTable reads the table in ARCHITECTURE.md: what each package may import, and the packages from top to bottom.
func importTable(t *testing.T) (may map[string][]string, order []string) {
	t.Helper()
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```imports\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		t.Fatal("ARCHITECTURE.md has no block that begins with ```imports")
	}
	may = map[string][]string{}
	for line := range strings.Lines(block) {
		name, list, ok := strings.Cut(line, "→")
		name = strings.TrimSpace(name)
		if !ok || may[name] != nil {
			t.Fatalf("a line of the table is not \"package → packages\", or says a package again: %q", line)
		}
		may[name] = append([]string{}, strings.Fields(list)...)
		order = append(order, name)
	}
	return may, order
}

func TestImportsFollowTheTable(t *testing.T) {
	may, order := importTable(t)
	for i, name := range order {
		for _, allowed := range may[name] {
			if !slices.Contains(order[i+1:], allowed) {
				t.Errorf("the table lets %s import %s, which does not stand below it", name, allowed)
			}
		}
	}
	seen := map[string]bool{}
	for _, p := range sources(t) {
		seen[p.name()] = true
		if may[p.name()] == nil {
			t.Errorf("%s is not in the table of ARCHITECTURE.md", p.name())
			continue
		}
		for _, path := range p.Imports {
			if imported, ours := strings.CutPrefix(path, module); ours && !slices.Contains(may[p.name()], imported) {
				t.Errorf("%s imports %s, which the table of ARCHITECTURE.md does not allow", p.name(), imported)
			}
		}
	}
	for _, name := range order {
		if !seen[name] {
			t.Errorf("the table of ARCHITECTURE.md names %s, which is no package", name)
		}
	}
}

// ban is something that only some packages may use. Exactly one of imports and selector is set.
type ban struct {
	what     string
	imports  []string // import paths that begin so
	selector []string // such as os.Getenv
	allowed  []string // packages, and all below them
}

var bans = []ban{
	{what: "SQL", imports: []string{"database/sql", "github.com/jackc/pgx", "modernc.org/sqlite"}, allowed: []string{"internal/store"}},
	{what: "testing", imports: []string{"testing", "net/http/httptest"}, allowed: []string{"internal/contract/contracttest"}},
	{what: "the writer of answers", selector: []string{"http.ResponseWriter"}, allowed: []string{"internal/httpapi", "internal/fakeengine"}},
	{what: "the environment", selector: []string{"os.Getenv", "os.LookupEnv", "os.Environ"}, allowed: []string{"internal/config", "cmd"}},
}

func TestBans(t *testing.T) {
	for _, p := range sources(t) {
		used := selectors(t, p)
		for _, b := range bans {
			if slices.ContainsFunc(b.allowed, func(a string) bool { return p.name() == a || strings.HasPrefix(p.name(), a+"/") }) {
				continue
			}
			for _, banned := range b.imports {
				for _, path := range p.Imports {
					if path == banned || strings.HasPrefix(path, banned+"/") {
						t.Errorf("%s imports %s: %s is for %s alone", p.name(), path, b.what, strings.Join(b.allowed, ", "))
					}
				}
			}
			for _, banned := range b.selector {
				if where := used[banned]; where != "" {
					t.Errorf("%s uses %s: %s is for %s alone", where, banned, b.what, strings.Join(b.allowed, ", "))
				}
			}
		}
	}
}

// selectors gives every package.Name in a package's sources and a place where it stands.
func selectors(t *testing.T, p sourcePackage) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := token.NewFileSet()
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok {
					at := files.Position(s.Pos())
					found[x.Name+"."+s.Sel.Name] = p.name() + "/" + filepath.Base(at.Filename)
				}
			}
			return true
		})
	}
	return found
}
