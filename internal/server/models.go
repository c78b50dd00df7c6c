package server

import (
	"cmp"
	"fmt"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/engines"
	"github.com/everpoint/everpoint/internal/upstream"
)

// modelPlan is what the configuration means for the models of this machine.
type modelPlan struct {
	names     map[string]upstream.Name // the configured names
	chat      string                   // what answers the vendor's chat names
	embedding string                   // what answers the vendor's embedding names
	pull      []string                 // ids to fetch in the background; none when offline
}

// resolveModels reads the model map. Files that it names become models of the library.
func resolveModels(lib *engines.Library, cfg config.Config) (modelPlan, error) {
	p := modelPlan{names: make(map[string]upstream.Name, len(cfg.Models.Names)), chat: cfg.Models.Chat}
	for name, m := range cfg.Models.Names {
		switch {
		case m.Target != "":
			p.names[name] = upstream.Name{Target: m.Target}
		case m.File != "":
			added, err := addFile(lib, m)
			if err != nil {
				return p, fmt.Errorf("models.names.%s.file: %w", name, err)
			}
			p.names[name] = upstream.Name{Target: added}
		default:
			p.names[name] = upstream.Name{URL: m.URL, Key: m.Key, Kind: cmp.Or(m.Kind, upstream.KindChat), Context: m.Context}
		}
	}
	p.embedding = lib.Embedding()
	if !cfg.Engines.Offline {
		p.pull = lib.Needed(cfg.Models.ChatTarget())
	}
	return p, nil
}

// addFile makes a file a model unless it is one already, as it is described, and gives the model's id.
func addFile(lib *engines.Library, m config.Model) (string, error) {
	for _, known := range lib.Models() {
		if known.File == m.File && cmp.Or(m.Kind, known.Kind) == known.Kind &&
			cmp.Or(m.Context, known.Context) == known.Context && cmp.Or(m.Slots, known.Slots) == known.Slots {
			return known.ID, nil
		}
	}
	added, err := lib.Add(m.File, engines.Added{Kind: m.Kind, Context: m.Context, Slots: m.Slots})
	return added.ID, err
}
