package bench

import (
	"syscall"
	"time"
	"unsafe"
)

// threadTime is the processor's time that this thread has had: unlike the
// clock's it does not count what others on the machine took.
func threadTime() time.Duration {
	const thread = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, thread, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}
