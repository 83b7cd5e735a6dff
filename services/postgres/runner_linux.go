package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// namespace runs a process as uid in a user namespace of its own, where there is
// nobody but the caller under that number. It keeps the caller's files and
// loses root's powers.
func namespace(attr *syscall.SysProcAttr, uid, gid int) {
	attr.Cloneflags = syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: os.Getegid(), Size: 1}}
}

// residents are the processes whose working folder is dir, as every process of
// a PostgreSQL has its data.
func residents(dir string) []int {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil
	}
	all, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var pids []int
	for _, link := range all {
		if cwd, err := os.Readlink(link); err != nil || cwd != real {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
