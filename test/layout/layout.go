// Package layout holds the rules of the house as tests: who may import whom,
// where the environment is read, how things are named. Each failure says why
// the rule is there.
package layout
