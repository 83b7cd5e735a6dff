//go:build race

package harness

// Racing says that the race detector looks on, which takes some ten times as
// long: big stories are told with a part of their data then.
const Racing = true
