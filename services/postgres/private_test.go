package postgres

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// start needs a PostgreSQL on the machine: the one under test is our way of
// running it, so a server elsewhere is of no use.
func start(t *testing.T, p Private) *Server {
	t.Helper()
	if _, err := findBinaries(p.Packages, 0, ""); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := p.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func run(t *testing.T, s *Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

// eventually waits for what happens in other processes, of which no signal comes.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}

func TestAPrivateServerKeepsItsDataWhoeverRunsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed", "postgres")
	if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	runners := []bool{false}
	if os.Geteuid() == 0 {
		// In a user namespace and under another account, each on the other's data.
		runners = []bool{false, true, false}
	}
	for i, account := range runners {
		began := time.Now()
		s := start(t, Private{Dir: dir, account: account})
		t.Logf("start %d, by account %v: %v", i+1, account, time.Since(began).Round(time.Millisecond))
		if i == 0 {
			run(t, s, "create table kept (n text)")
		}
		run(t, s, fmt.Sprintf("insert into kept values ('%d') returning n", i))
		if got, want := run(t, s, "select count(*)::text from kept"), fmt.Sprint(i+1); got != want {
			t.Errorf("rows after start %d: got %s, want %s", i+1, got, want)
		}
		if got := run(t, s, "show fsync"); got != "on" {
			t.Errorf("fsync: got %s, want on", got)
		}
		if got := run(t, s, "show listen_addresses"); got != "" {
			t.Errorf("it listens on %s, want no TCP at all", got)
		}
		s.Stop()
		if left := residents(filepath.Join(dir, "data")); len(left) > 0 {
			t.Errorf("processes %v are left after Stop", left)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "url")); len(left) > 0 {
		t.Error("the file with the URL is left after Stop")
	}
}

func TestTheServerStopsWithTheLastOfItsUsers(t *testing.T) {
	p := Private{Dir: t.TempDir(), Throwaway: true}
	first := start(t, p)
	second := start(t, p)
	if !first.Started || second.Started || first.URL() != second.URL() {
		t.Errorf("the second user: got a server of its own, want the first's")
	}
	first.Stop()
	if got := run(t, second, "select 'here'"); got != "here" {
		t.Errorf("after the first user has gone: got %q, want the server", got)
	}
	second.Stop()
	if left := residents(p.path("data")); len(left) > 0 {
		t.Errorf("processes %v are left after the last user", left)
	}
	if _, err := os.Stat(p.path("data")); err == nil {
		t.Error("the throwaway data is still there")
	}
}

// The test below runs this one in a process of its own, to be killed.
func TestHelperThatHoldsAServer(t *testing.T) {
	dir := os.Getenv("PRIVATE_POSTGRES_HELPER")
	if dir == "" {
		return
	}
	start(t, Private{Dir: dir})
	fmt.Println("ready")
	select {}
}

func TestTheServerDiesWithAKilledParent(t *testing.T) {
	p := Private{Dir: t.TempDir()}
	start(t, p).Stop() // lay it out, and skip here if that cannot be
	cmd := exec.Command(os.Args[0], "-test.run", "^TestHelperThatHoldsAServer$", "-test.timeout", "60s")
	cmd.Env = append(os.Environ(), "PRIVATE_POSTGRES_HELPER="+p.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
	}
	if len(residents(p.path("data"))) == 0 {
		t.Fatal("the helper has no server running")
	}
	at, err := os.ReadFile(p.path("url"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	eventually(t, "the server of a killed process is gone", func() bool {
		return len(residents(p.path("data"))) == 0 && !answers(t.Context(), string(at))
	})
	start(t, p) // and the next start finds nothing in its way
}

func TestAKilledServerIsStartedAgain(t *testing.T) {
	p := Private{Dir: t.TempDir()}
	s := start(t, p)
	run(t, s, "create table kept (n text)")
	run(t, s, "insert into kept values ('committed') returning n")
	pid := postmaster(t, p)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another server runs", func() bool { return pid != postmaster(t, p) && answers(t.Context(), s.URL()) })
	if got := run(t, s, "select n from kept"); got != "committed" {
		t.Errorf("after the server was killed: got %q, want what was committed", got)
	}
}

func TestAStaleLockAndAnInnocentProcessAreNoObstacle(t *testing.T) {
	p := Private{Dir: t.TempDir()}
	s := start(t, p)
	run(t, s, "create table kept (n text)")
	run(t, s, "insert into kept values ('committed') returning n")
	// Kill everything at once, as the power going does.
	server := postmaster(t, p)
	keepers, err := exec.Command("ps", "-o", "ppid=", "-p", fmt.Sprint(server)).Output()
	if err != nil {
		t.Skip("ps is not there to find the keeper by")
	}
	syscall.Kill(-firstNumber(string(keepers)), syscall.SIGKILL) // the keeper leads a group of its own, with the server in it
	<-s.gone
	eventually(t, "the rest has noticed", func() bool { return len(residents(p.path("data"))) == 0 })
	s.users.Close()
	// The server's old number now belongs to somebody else: to this test.
	pidfile := p.path("data/postmaster.pid")
	b, err := os.ReadFile(pidfile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n")
	if err := os.WriteFile(pidfile, fmt.Appendf(nil, "%d\n%s", os.Getppid(), rest), 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, p)
	if got := run(t, again, "select n from kept"); got != "committed" {
		t.Errorf("after the power went: got %q, want what was committed", got)
	}
}

func postmaster(t *testing.T, p Private) int {
	t.Helper()
	b, _ := os.ReadFile(p.path("data/postmaster.pid"))
	return firstNumber(string(b))
}

func TestDataOfAnotherVersionIsRefusedAndLeftAlone(t *testing.T) {
	for _, c := range []struct{ file, content, says string }{
		{"PG_VERSION", "9\n", "was made by PostgreSQL 9"},
		{"holiday.jpg", "", "not PostgreSQL's"},
	} {
		p := Private{Dir: t.TempDir()}
		file := p.path("data/" + c.file)
		os.MkdirAll(filepath.Dir(file), 0o700)
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := p.Start(t.Context())
		if err == nil {
			t.Fatalf("%s: the server started, want a refusal", c.file)
		}
		for _, want := range []string{c.says, "nothing was changed", "--data"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want it to say %q", err, want)
			}
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != c.content {
			t.Errorf("%s was touched", c.file)
		}
	}
}

func TestTheServersLogHoldsNoValues(t *testing.T) {
	p := Private{Dir: t.TempDir(), Throwaway: true}
	s := start(t, p)
	const canary = "Quetzalcoatl-Bird"
	db, err := Open(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, sql := range []string{
		"create table sample (name text primary key, born date, n integer check (n > 0))",
		"insert into sample values ('" + canary + "')",
		"insert into sample values ('" + canary + "')",
		"insert into sample values ('x', '" + canary + "')",
		"insert into sample values ('" + canary + "2', null, 0)",
		"select '" + canary + "'::integer",
		"do $$ begin raise warning '" + canary + "'; end $$",
	} {
		if _, err := db.pool.Exec(t.Context(), sql); err != nil && strings.Contains(problem(err).Error(), canary) {
			t.Errorf("an error carries the value: %v", strings.ReplaceAll(problem(err).Error(), canary, "[canary]"))
		}
	}
	if _, err := db.pool.Exec(t.Context(), "insert into sample values ($1)", canary); err == nil {
		t.Error("a duplicate was taken")
	}
	log, err := os.ReadFile(p.path("server.log"))
	if err != nil || len(log) == 0 {
		t.Fatalf("the log cannot be read, so this test proves nothing: %v", err)
	}
	if strings.Contains(string(log), canary) {
		t.Error("the server's log carries a value")
	}
}
