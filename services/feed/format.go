package feed

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/feed/csvfile"
)

// Format says how a submission is written.
type Format struct {
	// Name is json, ndjson, the name of a mapping, or the path of a mapping
	// file. Empty goes by the file's name.
	Name string
	// File is the name of what is read, for its ending. It may be empty.
	File string
	// Shipped forbids mapping files: a name from outside must not be a path here.
	Shipped bool
}

// FormatError says that there is no such format, or that it is not for this force.
type FormatError struct{ error }

func formatError(format string, args ...any) error { return FormatError{fmt.Errorf(format, args...)} }

// NewReader reads in by the format: canonical JSON, or a CSV by the mapping of
// that name or else the one that ships for the force.
func NewReader(in io.Reader, f Format, rules check.Rules) (Reader, error) {
	name := f.Name
	ending := strings.ToLower(filepath.Ext(f.File))
	if name == "" {
		switch ending {
		case ".json":
			name = "json"
		case ".ndjson", ".jsonl":
			name = "ndjson"
		case ".csv", ".txt":
		default:
			return nil, formatError("the name of the file does not say what it is; give json, ndjson or the name of a mapping")
		}
	}
	switch name {
	case "json", "canonical":
		return canonical.NewReader(in, canonical.Auto, rules), nil
	case "ndjson":
		return canonical.NewReader(in, canonical.Lines, rules), nil
	}
	m, err := Mapping(name, rules.Force, f.Shipped)
	if err != nil {
		return nil, FormatError{err}
	}
	if m.Force != "" && m.Force != rules.Force {
		return nil, formatError("the mapping %s is of force %s, and force %s is sending", m.Name, m.Force, rules.Force)
	}
	return csvfile.NewReader(in, m, rules)
}

// Mapping gives the mapping of that name that ships with the product, the one
// of the force if the name is empty, or the one in a file.
func Mapping(name, force string, shipped bool) (*csvfile.Mapping, error) {
	ending := strings.ToLower(filepath.Ext(name))
	if shipped || ending != ".yaml" && ending != ".yml" {
		return csvfile.Shipped(name, force)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the mapping: %w", err)
	}
	defer file.Close()
	return csvfile.Load(file)
}
