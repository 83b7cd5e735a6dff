// Package api is what is offered: the contract with police forces
// (police.openapi.yaml), with programs at the desk (desk.openapi.yaml), the incident that they send (incident.schema.json), and
// the streams (streams.asyncapi.yaml).
package api

import (
	"embed"
)

// Files are all of the contracts.
//
//go:embed *.yaml *.json
var Files embed.FS

// Police is the contract with police forces, OpenAPI 3.1.
//
//go:embed police.openapi.yaml
var Police []byte

// Desk is the contract with programs that work at the desk, OpenAPI 3.1.
//
//go:embed desk.openapi.yaml
var Desk []byte

// Incident is the JSON Schema of an incident as a force sends it.
//
//go:embed incident.schema.json
var Incident []byte
