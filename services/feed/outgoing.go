package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Outgoing is what the drop folder needs of the store to lay out what forces
// are asked.
type Outgoing interface {
	EnquiriesWaiting(ctx context.Context, force string, limit int) ([]casework.EnquiryOut, error)
	EnquiriesGiven(ctx context.Context, force string, numbers []string) error
	TakeEnquiry(ctx context.Context, force, number, correlation string) error
}

// The files of an enquiry, beside each other under its number: what is asked,
// the force's word that it has it, and ours that we asked no such thing.
const (
	askedFile   = ".json"
	takenFile   = ".taken"
	unknownFile = ".unknown"
	halfFile    = ".half" // left by a crash, if there is one
)

// again is how long a folder is left alone in which something could not be done.
const again = 10 * time.Second

// layOutInto keeps the enquiries folder of a force as it should be, beside what
// else is done.
func (f *Folder) layOutInto(ctx context.Context, files *sync.WaitGroup, force, dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[dir] || time.Now().Before(f.later[dir]) {
		return
	}
	f.busy[dir] = true
	files.Go(func() {
		err := f.layOut(ctx, force, dir)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.busy[dir] = false
		if err != nil && ctx.Err() == nil {
			f.later[dir] = time.Now().Add(again)
			f.Log.ErrorContext(ctx, "could not lay out what a force is asked; trying again", "force", force, "error", err)
		}
	})
}

// layOut takes the force's word for what it has, lays out what it is asked and
// has not said it has, and takes away what it is not asked any more. A file says
// what is so now: if meanwhile less may be told of the person, or a deadline
// moved, it is written again.
func (f *Folder) layOut(ctx context.Context, force, dir string) error {
	inside, err := f.open(force, dir)
	if err != nil {
		return err
	}
	defer inside.Close()
	self, err := inside.Open(".")
	if err != nil {
		return fmt.Errorf("open the enquiries of force %s: %w", force, withoutPath(err))
	}
	defer self.Close()
	if err := syscall.Flock(int(self.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil // another process sees to it
	}
	there, err := self.ReadDir(-1)
	if err != nil {
		return fmt.Errorf("read the enquiries of force %s: %w", force, withoutPath(err))
	}
	if err := f.confirm(ctx, force, inside, there); err != nil {
		return err
	}
	waiting, err := f.Enquiries.EnquiriesWaiting(ctx, force, givenAtOnce)
	if err != nil {
		return err
	}
	asked, fresh := make(map[string][]byte, len(waiting)), []string(nil)
	for _, e := range waiting {
		text, err := fileOf(e)
		if err != nil {
			return err
		}
		if asked[e.ID] = text; !holds(inside, e.ID+askedFile, text) {
			fresh = append(fresh, e.ID)
		}
	}
	for _, file := range there {
		name := file.Name()
		number, whole := strings.CutSuffix(name, askedFile)
		if !strings.HasSuffix(name, halfFile) && !(whole && idForm.MatchString(number) && asked[number] == nil) {
			continue
		}
		if err := inside.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("take away an enquiry: %w", withoutPath(err))
		}
		f.tell(name)
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := f.Enquiries.EnquiriesGiven(ctx, force, fresh); err != nil {
		return err
	}
	for _, number := range fresh {
		if err := f.put(inside, number+askedFile, asked[number]); err != nil {
			return fmt.Errorf("lay out enquiry %s: %w", number, withoutPath(err))
		}
		f.tell(number + askedFile)
	}
	f.Log.InfoContext(ctx, "laid out what a force is asked", "force", force, "enquiries", len(fresh))
	return nil
}

// confirm takes the force's word for the enquiries that it has.
func (f *Folder) confirm(ctx context.Context, force string, inside *os.Root, there []os.DirEntry) error {
	for _, file := range there {
		number, ok := strings.CutSuffix(file.Name(), takenFile)
		if !ok || !idForm.MatchString(number) {
			continue
		}
		err := f.Enquiries.TakeEnquiry(ctx, force, number, "")
		switch {
		case errors.Is(err, casework.ErrNotFound):
			err = inside.Rename(file.Name(), number+unknownFile)
		case err == nil:
			err = inside.Remove(file.Name())
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("take enquiry %s as known: %w", number, withoutPath(err))
		}
		f.tell(file.Name())
	}
	return nil
}

// fileOf is an enquiry as it lies in the folder: as the API gives it.
func fileOf(e casework.EnquiryOut) ([]byte, error) {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	to.SetIndent("", "  ")
	if err := to.Encode(e); err != nil {
		return nil, fmt.Errorf("write enquiry %s: %w", e.ID, err)
	}
	return text.Bytes(), nil
}

// holds reports whether a file is there and has this text.
func holds(inside *os.Root, name string, text []byte) bool {
	// Whoever fetches the files may have made a link, or a pipe that would never end.
	info, err := inside.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(text)) {
		return false
	}
	file, err := inside.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	there, err := io.ReadAll(io.LimitReader(file, int64(len(text))+1))
	return err == nil && bytes.Equal(there, text)
}

// put lays a file down whole: nobody sees half of it.
func (f *Folder) put(inside *os.Root, name string, text []byte) error {
	half := "." + name + halfFile
	_ = inside.Remove(half) // laid there for us to write into
	file, err := f.create(inside, half)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = inside.Rename(half, name)
	}
	if err != nil {
		_ = inside.Remove(half)
	}
	return err
}

// folderOf is a folder of a force's own in its drop folder, if it is there. A
// link there would lead out of that.
func (f *Folder) folderOf(force, name string) (dir string, ok bool) {
	dir = filepath.Join(f.Dir, force, name)
	info, err := os.Lstat(dir)
	return dir, err == nil && info.IsDir()
}
