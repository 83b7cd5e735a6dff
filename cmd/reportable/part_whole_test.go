//go:build !race

package main

// part: every incident is judged.
const part = 1
