// Package deploy is what Reportable is run with, and the part of it that the
// program carries in itself.
package deploy

import _ "embed"

// Policy is the policy that ships: what a match asks of whom, and by when.
//
//go:embed policy.yaml
var Policy []byte
