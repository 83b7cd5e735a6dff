package faults

import (
	"os/exec"
	"syscall"
)

// dieWithUs lets a process end with the test, even if that is killed.
func dieWithUs(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
