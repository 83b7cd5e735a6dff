package feed_test

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// watch watches a fresh drop folder and tells of each file that was taken.
func watch(t *testing.T) (dir string, db *postgres.DB, taken chan string) {
	t.Helper()
	dir, db, taken = t.TempDir(), pgtest.New(t), make(chan string, 10)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	f := feed.Folder{Dir: dir, Intake: &feed.Intake{Ledger: db}, Poll: time.Millisecond, Settle: 30 * time.Millisecond,
		Taken: func(name string) { taken <- name }}
	for _, force := range []string{"61", "62"} {
		if err := os.Mkdir(filepath.Join(dir, force), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	go func() { defer close(stopped); _ = f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-stopped })
	return dir, db, taken
}

func drop(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".tmp", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, taken chan string) string {
	t.Helper()
	select {
	case name := <-taken:
		return name
	case <-time.After(20 * time.Second):
		t.Fatal("no file was taken")
		return ""
	}
}

func TestADroppedFileIsTakenAndMovedWithItsRejectsBeside(t *testing.T) {
	dir, db, taken := watch(t)
	for range 2 { // the same name comes again tomorrow
		drop(t, filepath.Join(dir, "61", "export.csv"), gwent)
		await(t, taken)
	}
	list, err := os.Open(filepath.Join(dir, "61", "done", "export.csv.rejects.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	rows, err := csv.NewReader(list).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != "3" || rows[1][5] != "person_role" || rows[1][8] == "" {
		t.Errorf("the rejects: got %d rows, %v", len(rows), err)
	}
	for _, name := range []string{"export.csv", "export.2.csv", "export.2.csv.rejects.csv"} {
		if _, err := os.Stat(filepath.Join(dir, "61", "done", name)); err != nil {
			t.Errorf("done/%s is not there", name)
		}
	}
	if n := pgtest.One[int](t, db, `select count(*) from receipt where channel = 'file' and force = '61'`); n != 2 {
		t.Errorf("got %d receipts, want 2", n)
	}
	if n := pgtest.One[int](t, db, `select count(*) from revision`); n != 1 {
		t.Errorf("got %d revisions, want 1", n)
	}
}

func TestAFileIsLeftAloneUntilItIsComplete(t *testing.T) {
	dir, db, taken := watch(t)
	f, err := os.Create(filepath.Join(dir, "62", "slow.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for n := range 40 { // it grows for longer than it would have to stand still
		if _, err := f.WriteString(incident("R"+string(rune('A'+n%26))+strings.Repeat("x", n/26), 1, "live", "a") + "\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-taken:
			t.Fatal("a file was taken while it was being written")
		case <-time.After(5 * time.Millisecond):
		}
	}
	await(t, taken)
	if n := pgtest.One[int](t, db, `select count(*) from revision`); n != 40 {
		t.Errorf("got %d revisions, want 40", n)
	}
}

func TestALinkLeadsNowhereOutOfAForcesOwnFolder(t *testing.T) {
	dir, db, taken := watch(t)
	ours := filepath.Join(t.TempDir(), "ours")
	if err := os.WriteFile(ours, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(to, from string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	// Where what is rejected would be written, and what is no file but a way to one.
	link(ours, "61/export.csv.rejects.csv.tmp")
	link(ours, "61/secret.csv")
	drop(t, filepath.Join(dir, "61", "export.csv"), gwent)
	if got := await(t, taken); got != "export.csv" {
		t.Fatalf("got %s, want export.csv", got)
	}
	if b, err := os.ReadFile(ours); err != nil || string(b) != "ours" {
		t.Error("a file of ours was written into")
	}
	if at, err := os.Lstat(filepath.Join(dir, "61", "done", "export.csv.rejects.csv")); err != nil || !at.Mode().IsRegular() {
		t.Errorf("what was rejected is not beside it: %v", err)
	}
	// Where what was taken would be moved to.
	link(t.TempDir(), "62/done")
	drop(t, filepath.Join(dir, "62", "export.ndjson"), incident("R1", 1, "live", "a"))
	drop(t, filepath.Join(dir, "61", "after.csv"), gwent)
	if got := await(t, taken); got != "after.csv" {
		t.Errorf("%s was moved out of its force's folder", got)
	}
	if n := pgtest.One[int](t, db, `select count(*) from receipt where force = '62'`); n != 0 {
		t.Error("a file was taken that there is nowhere to put")
	}
}

// Whoever drops files may put a link in the place of a folder after it was looked
// at and before it is opened.
func TestALinkThatTakesAFoldersPlaceMeanwhileIsNotFollowed(t *testing.T) {
	dir, ours := t.TempDir(), t.TempDir()
	f := &feed.Folder{Dir: dir}
	if err := os.MkdirAll(filepath.Join(dir, "62", "agreed"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"replies", "enquiries"} {
		if err := os.Symlink(ours, filepath.Join(dir, "62", name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []string{filepath.Join(ours, "ours.csv"), filepath.Join(dir, "62", "agreed", "theirs.csv"), filepath.Join(dir, "62", "theirs.csv")} {
		drop(t, at, "x")
	}
	if read, err := f.TakeFrom(t.Context(), "62", filepath.Join(dir, "62", "replies"), "ours.csv"); read || err == nil {
		t.Errorf("a file of ours was read: %v, %v", read, err)
	}
	if err := f.LayOut(t.Context(), "62", filepath.Join(dir, "62", "enquiries")); err == nil {
		t.Error("enquiries are laid out elsewhere")
	}
	if left, err := os.ReadDir(ours); err != nil || len(left) != 1 {
		t.Errorf("%d files are in the folder of ours, %v; want the one", len(left), err)
	}
	for _, own := range []string{filepath.Join(dir, "62", "agreed"), filepath.Join(dir, "62")} {
		if read, err := f.TakeFrom(t.Context(), "62", own, "theirs.csv"); !read || err != nil {
			t.Errorf("a file in a folder of their own was read: %v, %v", read, err)
		}
	}
}

func TestWhatIsLaidDownIsForTheServiceAloneUnlessItsGroupIsLetIn(t *testing.T) {
	for group, want := range map[bool]string{false: "-rw------- drwx------", true: "-rw-r----- dgrwxr-x---"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "62"), 0o700); err != nil {
			t.Fatal(err)
		}
		drop(t, filepath.Join(dir, "62", "export.csv"), "no incident at all")
		f := &feed.Folder{Dir: dir, Group: group}
		if err := f.TakeAndReject(t.Context(), "62", filepath.Join(dir, "62"), "export.csv"); err != nil {
			t.Fatal(err)
		}
		list, err := os.Stat(filepath.Join(dir, "62", "failed", "export.csv.rejects.csv"))
		if err != nil {
			t.Fatal(err)
		}
		in, err := os.Stat(filepath.Join(dir, "62", "failed"))
		if got := list.Mode().String() + " " + in.Mode().String(); err != nil || got != want {
			t.Errorf("with the group let in being %t: got %s, want %s", group, got, want)
		}
	}
}

func TestAFileThatCannotBeReadIsSetAsideWithTheReason(t *testing.T) {
	dir, _, taken := watch(t)
	for name, content := range map[string]string{"strange.xlsx": "?", "wrong.csv": "a,b\n1,2\n", "broken.json": `[`, "no-mapping.ndjson": "nothing\n"} {
		drop(t, filepath.Join(dir, "62", name), content)
		if got := await(t, taken); got != name {
			t.Fatalf("got %s, want %s", got, name)
		}
		reason, err := os.ReadFile(filepath.Join(dir, "62", "failed", name+".rejects.csv"))
		if err != nil || len(strings.Split(strings.TrimSpace(string(reason)), "\n")) < 2 {
			t.Errorf("%s: no reason beside it: %v", name, err)
		}
	}
}

func TestNoCellOfTheRejectsRunsAsAFormula(t *testing.T) {
	var b strings.Builder
	r := feed.NewRejects(&b)
	r.Add([]casework.ReceiptLine{{Record: 1, Reference: "-1+1", Status: casework.LineRejected,
		Problems: []casework.Problem{{Column: "=cmd|'/c calc'!A1", Code: "missing", Message: "+x", Action: "@y"}}}})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
	}
}
