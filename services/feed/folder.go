package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// Folder watches a folder in which each force has one of its own by its code:
// drop/62/export.csv. A file is taken when it is complete, that is when its size
// and time have stood still for a while; or at once when it was written under a
// name ending in .tmp or .part and then renamed. It is moved to done, or to
// failed when nothing of it could be read, with what was rejected beside it.
//
// A force that has no program to ask finds what it is asked in drop/62/enquiries,
// if there is that folder, and puts its replies into drop/62/replies.
type Folder struct {
	Dir    string
	Intake *Intake
	// Replies takes replies and outcomes of disclosures. Nil where none come so.
	Replies *Intake
	// Enquiries lays out what forces are asked. Nil where that is not done.
	Enquiries Outgoing
	// Group lets the group of a folder read what is written into it: what a force
	// is asked, and what of its files was rejected. For forces whose files come by
	// accounts of their own. Default: nobody but the service's own account.
	Group bool
	// Poll is how often it is looked into. Default 1 s.
	Poll time.Duration
	// Settle is how long a file must stand still. Default 3 s.
	Settle time.Duration
	// Log may be nil.
	Log *slog.Logger
	// Taken is told of each file that was taken, laid out or taken away, for tests. May be nil.
	Taken func(name string)

	mu   sync.Mutex
	seen map[string]sight
	busy map[string]bool // folders whose files are being taken
	// later is before when a folder of enquiries is not looked into again.
	later map[string]time.Time
}

// sight is how a file was when it was last looked at, and since when.
type sight struct {
	size    int64
	changed time.Time
	since   time.Time
}

// Run watches until the context ends.
func (f *Folder) Run(ctx context.Context) error {
	if f.Poll == 0 {
		f.Poll = time.Second
	}
	if f.Settle == 0 {
		f.Settle = 3 * time.Second
	}
	if f.Log == nil {
		f.Log = slog.New(slog.DiscardHandler)
	}
	f.seen, f.busy, f.later = make(map[string]sight), make(map[string]bool), make(map[string]time.Time)
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("make the drop folder: %w", err)
	}
	var files sync.WaitGroup
	defer files.Wait()
	tick := time.NewTicker(f.Poll)
	defer tick.Stop()
	for {
		f.look(ctx, &files)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look goes through the forces' folders once. A force's files are taken one
// after the other, those of two forces at the same time.
func (f *Folder) look(ctx context.Context, files *sync.WaitGroup) {
	for _, force := range casework.Forces() {
		f.lookInto(ctx, files, force.Code, filepath.Join(f.Dir, force.Code), f.submit)
		if dir, ok := f.folderOf(force.Code, "replies"); ok && f.Replies != nil {
			f.lookInto(ctx, files, force.Code, dir, f.submitReplies)
		}
		if dir, ok := f.folderOf(force.Code, "enquiries"); ok && f.Enquiries != nil {
			f.layOutInto(ctx, files, force.Code, dir)
		}
	}
}

// submission gives one file to its intake.
type submission func(ctx context.Context, force, name string, in io.Reader, rejects *Rejects) (casework.Receipt, error)

func (f *Folder) lookInto(ctx context.Context, files *sync.WaitGroup, force, dir string, submit submission) {
	f.mu.Lock()
	busy := f.busy[dir]
	f.mu.Unlock()
	if busy {
		return
	}
	ready := f.complete(dir, time.Now())
	if len(ready) == 0 {
		return
	}
	f.mu.Lock()
	f.busy[dir] = true
	f.mu.Unlock()
	files.Go(func() {
		for _, name := range ready {
			if ctx.Err() != nil {
				break
			}
			if err := f.take(ctx, force, dir, name, submit); err != nil {
				// The file's name is the sender's text, so it stays out of the log.
				f.Log.ErrorContext(ctx, "could not take a file from the drop folder; trying again", "force", force, "error", err)
				break
			}
		}
		f.mu.Lock()
		f.busy[dir] = false
		f.mu.Unlock()
	})
}

// complete lists the files that have stood still for long enough, oldest first.
func (f *Folder) complete(dir string, now time.Time) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // no such force here
	}
	type file struct {
		name string
		at   time.Time
	}
	var ready []file
	there := make(map[string]bool)
	for _, e := range entries {
		name := e.Name()
		lower := strings.ToLower(name)
		if !e.Type().IsRegular() || strings.HasPrefix(name, ".") || strings.HasSuffix(lower, ".tmp") || strings.HasSuffix(lower, ".part") ||
			strings.HasSuffix(lower, ".rejects.csv") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it has just gone
		}
		path := filepath.Join(dir, name)
		there[path] = true
		last, known := f.seen[path]
		if !known || last.size != info.Size() || !last.changed.Equal(info.ModTime()) {
			f.seen[path] = sight{info.Size(), info.ModTime(), now}
			last = f.seen[path]
		}
		if now.Sub(last.since) >= f.Settle {
			ready = append(ready, file{name, info.ModTime()})
		}
	}
	for path := range f.seen {
		if filepath.Dir(path) == dir && !there[path] {
			delete(f.seen, path)
		}
	}
	slices.SortFunc(ready, func(a, b file) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	names := make([]string, len(ready))
	for n, r := range ready {
		names[n] = r.name
	}
	return names
}

// take takes one file. An error means that it is still there and will be tried
// again: whatever of it was committed will be answered as duplicate then.
func (f *Folder) take(ctx context.Context, force, dir, name string, submit submission) error {
	// Whoever drops files may make links too. None leads out of the force's own
	// folder: neither what is read, nor what is written beside it, nor where it goes.
	inside, err := f.open(force, dir)
	if err != nil {
		return err
	}
	defer inside.Close()
	file, err := inside.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // another process had it
	}
	if err != nil {
		return fmt.Errorf("open it: %w", withoutPath(err))
	}
	defer file.Close()
	// Several processes may watch one folder. The lock goes with the process, so
	// a crash leaves the file to the next.
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil
	}
	if _, err := inside.Stat(name); err != nil {
		return nil // taken and moved between opening and locking
	}
	for _, d := range []string{"done", "failed"} {
		if err := f.makeInside(inside, d); err != nil {
			return fmt.Errorf("make the folders of force %s: %w", force, withoutPath(err))
		}
	}
	rejected := name + ".rejects.csv.tmp"
	_ = inside.Remove(rejected) // left by a crash, or laid there for us to write into
	list, err := f.create(inside, rejected)
	if err != nil {
		return fmt.Errorf("write what is rejected: %w", withoutPath(err))
	}
	defer inside.Remove(rejected) // gone already if it was wanted
	defer list.Close()
	rejects := NewRejects(list)
	receipt, err := submit(ctx, force, name, file, rejects)
	var format FormatError
	switch {
	case errors.As(err, &format):
		rejects.Whole(casework.Problem{Code: "unknown_format", Message: "The file could not be read: " + format.Error() + ".", Action: "Name it .csv, .json or .ndjson, and ask for a mapping if your force has none."})
	case err != nil:
		return err
	case receipt.Problem != nil:
		rejects.Whole(*receipt.Problem)
	}
	if err := rejects.Close(); err != nil {
		return fmt.Errorf("write what is rejected: %w", withoutPath(err))
	}
	to := "done"
	if err != nil || receipt.Accepted+receipt.Duplicate == 0 {
		to = "failed"
	}
	target := unused(inside, to, name)
	if rejects.begun {
		if err := inside.Rename(rejected, target+".rejects.csv"); err != nil {
			return fmt.Errorf("put down what is rejected: %w", withoutPath(err))
		}
	}
	if err := inside.Rename(name, target); err != nil {
		return fmt.Errorf("move it: %w", withoutPath(err))
	}
	f.tell(name)
	return nil
}

// open opens a force's own folder, or one in it. From the force's own on: a link
// that takes the place of another since it was looked at leads nowhere else.
func (f *Folder) open(force, dir string) (*os.Root, error) {
	home, err := os.OpenRoot(filepath.Join(f.Dir, force))
	if err != nil {
		return nil, fmt.Errorf("open the folder of force %s: %w", force, withoutPath(err))
	}
	if dir == filepath.Join(f.Dir, force) {
		return home, nil
	}
	defer home.Close()
	name := filepath.Base(dir)
	inside, err := home.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the %s of force %s: %w", name, force, withoutPath(err))
	}
	return inside, nil
}

// create makes a file that nobody else may read, but the group where that is
// wanted, whatever the process's mask says.
func (f *Folder) create(inside *os.Root, name string) (*os.File, error) {
	file, err := inside.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil || !f.Group {
		return file, err
	}
	if err := file.Chmod(0o640); err != nil {
		_ = file.Close()
		_ = inside.Remove(name)
		return nil, err
	}
	return file, nil
}

// makeInside makes a folder, if it is not there, as create makes a file.
func (f *Folder) makeInside(inside *os.Root, name string) error {
	err := inside.Mkdir(name, 0o700)
	switch {
	case errors.Is(err, os.ErrExist):
		info, err := inside.Stat(name)
		if err == nil && !info.IsDir() {
			return os.ErrExist
		}
		return err
	case err != nil || !f.Group:
		return err
	}
	return inside.Chmod(name, 0o750|os.ModeSetgid) // what is written into it is of the same group
}

func (f *Folder) tell(name string) {
	if f.Taken != nil {
		f.Taken(name)
	}
}

func (f *Folder) submit(ctx context.Context, force, name string, in io.Reader, rejects *Rejects) (casework.Receipt, error) {
	now := time.Now()
	r, err := NewReader(in, Format{File: name, Shipped: true}, check.Rules{Force: force, Now: now})
	if err != nil {
		return casework.Receipt{}, err
	}
	return f.Intake.Take(ctx, Submission{Force: force, Channel: casework.ChannelFile, Received: now, Each: rejects.Add}, r)
}

func (f *Folder) submitReplies(ctx context.Context, force, name string, in io.Reader, rejects *Rejects) (casework.Receipt, error) {
	now := time.Now()
	r, err := NewReplyReader(in, Format{File: name, Shipped: true}, check.Rules{Force: force, Now: now})
	if err != nil {
		return casework.Receipt{}, err
	}
	return f.Replies.Take(ctx, Submission{Force: force, Channel: casework.ChannelFile, Received: now, Each: rejects.Add}, r)
}

// unused is a path in dir that nothing has: a name may come again every day.
func unused(inside *os.Root, dir, name string) string {
	path := filepath.Join(dir, name)
	ending := filepath.Ext(name)
	for n := 2; ; n++ {
		if _, err := inside.Lstat(path); errors.Is(err, os.ErrNotExist) {
			return path
		}
		path = filepath.Join(dir, fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ending), n, ending))
	}
}

// withoutPath takes the file's name out of an error: it is the sender's text.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
