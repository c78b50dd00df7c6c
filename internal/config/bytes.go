package config

// Bytes is a size in bytes. In YAML it is an integer, or a string such as "512MB"; units count in steps of 1024, as the
// vendor's own limits do (its "25 MB" is 26,214,400 bytes).
type Bytes int64
