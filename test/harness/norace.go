//go:build !race

package harness

// Racing says that the race detector looks on.
const Racing = false
