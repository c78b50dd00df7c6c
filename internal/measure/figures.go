package measure

import (
	"errors"
	"os"
	"os/exec"
	"strings"
)

// UpdateFigures replaces the figures in a file of the docs: what stands between the line that names the make target which
// writes them and the line that ends them.
func UpdateFigures(path, target, figures string) error {
	start, end := "<!-- figures: written by make "+target+" -->", "<!-- end of figures -->"
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), start)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return errors.New(path + " has no lines that mark its figures")
	}
	return os.WriteFile(path, []byte(before+start+"\n"+strings.TrimRight(figures, "\n")+"\n"+end+after), 0o644)
}

// Commit names the sources that are measured.
func Commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output() //nolint:noctx // takes no time
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
