package postgres

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// runner is the identity under which PostgreSQL runs. It refuses to run as
// root, and as somebody without an account; so for those it runs in a user
// namespace in which the caller has another number or, where root cannot have
// one, under another account.
type runner struct {
	root     bool // the caller is root
	uid, gid int  // what the caller is called in the namespace, or the other account
	mapped   bool // a user namespace: on disk the files are the caller's
}

func whoRuns(account bool) runner {
	r := runner{root: os.Geteuid() == 0, uid: 65534, gid: 65534}
	if !r.root {
		_, err := user.LookupId(strconv.Itoa(os.Geteuid()))
		if err == nil {
			return r
		}
		account = false // nobody but root may become another
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 {
			r.uid, r.gid = uid, gid
			break
		}
	}
	if account {
		return r
	}
	r.mapped = true
	probe := exec.Command("/bin/sh", "-c", "test $(id -u) -eq "+strconv.Itoa(r.uid))
	r.command(probe)
	r.mapped = probe.Run() == nil
	return r
}

// command makes cmd run under the identity.
func (r runner) command(cmd *exec.Cmd) {
	cmd.Dir = "/"
	// A clean environment: PGDATA, PGPORT and their like are for other servers.
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	switch {
	case r.mapped:
		namespace(cmd.SysProcAttr, r.uid, r.gid)
	case r.root:
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(r.uid), Gid: uint32(r.gid)}
	}
}

// throughFD hands an open folder to cmd and gives the path by which cmd finds
// it. Someone other than root could not walk to it by name where a folder above
// is root's alone, as root's home and the folders of tests are.
func (r runner) throughFD(cmd *exec.Cmd, folder *os.File, path string) string {
	if !r.root || runtime.GOOS != "linux" {
		return path
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, folder)
	return fmt.Sprintf("/proc/self/fd/%d", 2+len(cmd.ExtraFiles))
}

// own gives a folder and all in it to the identity, if it is not its own yet:
// the same data may have been used under the other kind of identity.
func (r runner) own(dir string) error {
	if !r.root {
		return nil
	}
	uid, gid := r.uid, r.gid
	if r.mapped {
		uid, gid = 0, 0
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) == uid {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}
