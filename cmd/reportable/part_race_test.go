//go:build race

package main

// part: one incident in so many is judged: the race detector makes the linkage ten times as dear.
const part = 8
