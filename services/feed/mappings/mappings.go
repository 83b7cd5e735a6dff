// Package mappings holds the descriptions of forces' own CSV exports that ship
// with the product. A new force's export is a new file here, or a file given
// with --format, and never new code. csvfile reads them.
package mappings

import "embed"

// Shipped are the mapping files, named <force>-<name>.yaml.
//
//go:embed *.yaml
var Shipped embed.FS
