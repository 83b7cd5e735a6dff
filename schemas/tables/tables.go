// Package tables holds what rests: the migrations of the ledger, the register,
// matches, actions, access and audit. They go forward only.
package tables

import "embed"

// Migrations are goose's files, in order.
//
//go:embed *.sql
var Migrations embed.FS
