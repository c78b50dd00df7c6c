package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// logTail is how much of the end of each engine's log the doctor shows.
const logTail = 2 << 10

type enginesDoctorCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// diagnosis is what the doctor found, for programs.
type diagnosis struct {
	Engines []engineRecord `json:"engines"`
	Models  []modelRecord  `json:"models"`
	Logs    []engineLog    `json:"logs"`
	Missing []string       `json:"missing"` // each with the command that brings it
}

// engineLog is the end of one engine's log.
type engineLog struct {
	Path     string    `json:"path"`
	Modified time.Time `json:"modified"`
	Tail     string    `json:"tail"`
}

// Run fails when something that the default models need is missing.
func (c *enginesDoctorCmd) Run(a *app) error {
	lib, conf, err := a.library()
	if err != nil {
		return err
	}
	d := diagnosis{Engines: engineRecords(lib), Models: []modelRecord{}, Logs: []engineLog{}, Missing: []string{}}
	for _, e := range d.Engines {
		if !e.Installed {
			d.Missing = append(d.Missing, fmt.Sprintf("the engine %s: everpoint engines install %s", e.Name, e.Name))
		}
	}
	ids, err := defaultModels(lib, conf, false)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, ok := lib.Path(id); !ok {
			d.Missing = append(d.Missing, fmt.Sprintf("the model %s: everpoint models pull %s", id, id))
		}
	}
	for _, m := range lib.Models() {
		if r := newModelRecord(lib, m); r.Installed {
			d.Models = append(d.Models, r)
		}
	}
	if d.Logs, err = engineLogs(filepath.Join(conf.Data, "logs", "engines")); err != nil {
		return err
	}
	if c.JSON {
		err = a.json(d)
	} else {
		a.printDiagnosis(d, conf.Engines.Cache)
	}
	if err == nil && len(d.Missing) > 0 {
		return fmt.Errorf("missing: %s", strings.Join(d.Missing, "; "))
	}
	return err
}

func (a *app) printDiagnosis(d diagnosis, cache string) {
	a.printf("Cache folder: %s\n", cache)
	for _, e := range d.Engines {
		if e.Installed {
			a.printf("Engine %s: %s %s, %s\n", e.Name, e.Kind, e.Version, e.Path)
		}
	}
	for _, m := range d.Models {
		a.printf("Model %s: %s, needs about %s of memory\n", m.ID, size(m.Size), size(m.Memory))
	}
	for _, l := range d.Logs {
		a.printf("\nLog %s (last written %s) ends with:\n%s\n", l.Path, date(l.Modified), strings.TrimRight(l.Tail, "\n"))
	}
	if len(d.Missing) == 0 {
		a.printf("\nNothing is missing.\n")
	}
}

// engineLogs reads the end of every log in dir; no folder means no engine has run yet.
func engineLogs(dir string) ([]engineLog, error) {
	logs := []engineLog{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return logs, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".log" {
			continue
		}
		l, err := readTail(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		logs = append(logs, l)
	}
	return logs, nil
}

// readTail gives the last whole lines of a file.
func readTail(path string) (engineLog, error) {
	f, err := os.Open(path)
	if err != nil {
		return engineLog{}, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return engineLog{}, err
	}
	from := max(0, info.Size()-logTail)
	buf := make([]byte, info.Size()-from)
	n, err := f.ReadAt(buf, from)
	if n == 0 && len(buf) > 0 {
		return engineLog{}, err
	}
	tail := string(buf[:n])
	if _, rest, ok := strings.Cut(tail, "\n"); ok && from > 0 {
		tail = rest
	}
	return engineLog{Path: path, Modified: info.ModTime(), Tail: strings.ToValidUTF8(tail, "?")}, nil
}
