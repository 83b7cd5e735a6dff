package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// oldest is the first major version that the tables and queries are good for.
const oldest = 14

// binaries are one installed PostgreSQL.
type binaries struct {
	dir   string
	major int
}

// findBinaries gives the first PostgreSQL of the machine, newest first in
// versioned folders, or the one of the major that made the data.
func findBinaries(packages string, made int, data string) (binaries, error) {
	var found []binaries
	for _, dir := range binaryFolders(packages) {
		b, ok := inspect(dir)
		if !ok || slices.Contains(found, b) {
			continue
		}
		if made == b.major || made == 0 && b.major >= oldest {
			return b, nil
		}
		found = append(found, b)
	}
	var here []string
	for _, b := range found {
		here = append(here, fmt.Sprintf("%d in %s", b.major, b.dir))
	}
	switch {
	case made != 0:
		return binaries{}, fmt.Errorf("%s was made by PostgreSQL %d, and this machine has %s; nothing was changed. "+
			"Install that version (on Debian: apt-get install postgresql-%[2]d), "+
			"or name another folder with --data", data, made, listOr(here, "none"))
	case len(found) > 0:
		return binaries{}, fmt.Errorf("PostgreSQL %d or newer is needed, and this machine has %s", oldest, listOr(here, "none"))
	}
	return binaries{}, fmt.Errorf("%w: install it (on Debian: apt-get install postgresql; "+
		"or with Node: npm ci --prefix deploy/postgres), "+
		"or set DATABASE_URL to a server of your own", ErrNoPostgreSQL)
}

// ErrNoPostgreSQL says that the machine has no PostgreSQL to start.
var ErrNoPostgreSQL = errors.New("no PostgreSQL found on this machine")

func binaryFolders(packages string) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern)
		slices.SortFunc(matches, func(a, b string) int { return firstNumber(b) - firstNumber(a) })
		dirs = append(dirs, matches...)
	}
	if packages != "" {
		if abs, err := filepath.Abs(filepath.Join(packages, "@embedded-postgres", platform(), "native", "bin")); err == nil {
			dirs = append(dirs, abs)
		}
	}
	return dirs
}

// platform is npm's name for this machine.
func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

func inspect(dir string) (binaries, bool) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, false // a client's folder
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	major := firstNumber(string(out))
	return binaries{dir: dir, major: major}, err == nil && major > 0
}

func firstNumber(s string) int {
	start := strings.IndexAny(s, "0123456789")
	if start < 0 {
		return 0
	}
	end := start
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, _ := strconv.Atoi(s[start:end])
	return n
}

func listOr(s []string, none string) string {
	if len(s) == 0 {
		return none
	}
	return strings.Join(s, ", ")
}

// majorOf is the version that made a data folder, or 0 if there is none.
func majorOf(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err == nil {
		if major := firstNumber(string(b)); major > 0 {
			return major, nil
		}
		return 0, fmt.Errorf("%s/PG_VERSION does not say a version; nothing was changed", data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read the data folder: %w (does it belong to another account?)", err)
	}
	if entries, _ := os.ReadDir(data); len(entries) > 0 {
		return 0, fmt.Errorf("%s holds something that is not PostgreSQL's; nothing was changed. Name another folder with --data", data)
	}
	os.Remove(data)
	return 0, nil
}

// clearRemains ends what a killed keeper left running on the data, and takes
// away a postmaster.pid whose number another process has by now: PostgreSQL
// itself would refuse to start beside that innocent.
func clearRemains(ctx context.Context, data string) error {
	pidfile := filepath.Join(data, "postmaster.pid")
	b, err := os.ReadFile(pidfile)
	if err != nil {
		return nil // stopped in good order, or never started
	}
	if runtime.GOOS != "linux" {
		return nil // PostgreSQL's own check has to do
	}
	for wait := 0; ; wait++ {
		left := residents(data)
		if len(left) == 0 {
			break
		}
		for _, pid := range left {
			switch {
			case wait == 0 && pid == firstNumber(string(b)):
				syscall.Kill(pid, syscall.SIGQUIT)
			case wait == 1000:
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if wait > 1200 {
			return fmt.Errorf("processes %v still use %s; stop them first", left, data)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	os.Remove(pidfile)
	return nil
}
