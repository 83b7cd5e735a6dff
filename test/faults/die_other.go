//go:build !linux

package faults

import "os/exec"

func dieWithUs(*exec.Cmd) {}
