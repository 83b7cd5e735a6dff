package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type feedCommand struct {
	Import   feedImport   `cmd:"" help:"Take a force's export into the ledger."`
	Check    feedCheck    `cmd:"" help:"Do everything that import does but commit, and say how good the data are."`
	Key      feedKey      `cmd:"" help:"The keys by which forces are known."`
	Mapping  feedMapping  `cmd:"" help:"The descriptions of forces' own CSV exports."`
	Conflict feedConflict `cmd:"" help:"Revisions that were sent with two different contents."`
	Filter   feedFilter   `cmd:"" help:"At the force: leave at home what cannot concern anybody on its watch list."`
}

// feedSource is a file from a force.
type feedSource struct {
	File    string `arg:"" help:"The export, or - for standard input."`
	Force   string `required:"" placeholder:"CODE" help:"The force's code, such as 62."`
	Format  string `placeholder:"NAME" help:"json, ndjson, the name of a mapping, or a mapping file. Default: by the file's name, and the force's own mapping for CSV."`
	Replies bool   `help:"The file holds replies to enquiries and outcomes of disclosures, and not incidents: json, ndjson, or csv with their fields as columns."`
	Rejects string `placeholder:"FILE" help:"Where to write the rejected records. Default: beside the export, as FILE.rejects.csv."`
	JSON    bool   `name:"json" help:"Answer as JSON."`
}

// open gives the export's reader, the rejects to be written, and how to close both.
func (s *feedSource) open(to terminal, now time.Time) (feed.Reader, func(), error) {
	if _, known := casework.ForceName(s.Force); !known {
		return nil, nil, run.Usage("there is no force %q; South Wales is 62", s.Force)
	}
	in, size, err := caseloadImport{File: s.File}.open(to)
	if err != nil {
		return nil, nil, err
	}
	progress, finish := to.progress("reading", size)
	counted := &counter{from: in}
	watched := readerFunc(func(p []byte) (int, error) {
		n, err := counted.Read(p)
		progress(counted.read.Load())
		return n, err
	})
	format := feed.Format{Name: s.Format, File: s.File}
	if s.File == "-" && s.Format == "" {
		format.Name = "json"
	}
	read := func() (feed.Reader, error) {
		return feed.NewReader(watched, format, check.Rules{Force: s.Force, Now: now})
	}
	if s.Replies {
		read = func() (feed.Reader, error) {
			return feed.NewReplyReader(watched, format, check.Rules{Force: s.Force, Now: now})
		}
	}
	r, err := read()
	if err != nil {
		in.Close()
		var format feed.FormatError
		if errors.As(err, &format) {
			err = run.Usage("%w", err)
		}
		return nil, nil, err
	}
	return r, func() { finish(); in.Close() }, nil
}

// readerFunc is a reader made of a function.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// rejects opens the file of rejected records when there is the first one. A
// folder that cannot be written to is no reason to lose them: they go to the
// working folder then.
type rejects struct {
	path string
	file *os.File
	csv  *feed.Rejects
	err  error
}

func (s *feedSource) rejects() *rejects {
	path := cmp.Or(s.Rejects, s.File+".rejects.csv")
	if s.File == "-" && s.Rejects == "" {
		path = "rejects.csv"
	}
	return &rejects{path: path}
}

func (r *rejects) add(lines []casework.ReceiptLine) {
	if r.err != nil || !slices.ContainsFunc(lines, func(l casework.ReceiptLine) bool { return l.Status == casework.LineRejected }) {
		return
	}
	if r.file == nil {
		r.file, r.err = os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if errors.Is(r.err, os.ErrPermission) || r.err != nil && filepath.Base(r.path) != r.path {
			r.path = filepath.Base(r.path)
			r.file, r.err = os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		}
		if r.err != nil {
			return
		}
		r.csv = feed.NewRejects(r.file)
	}
	r.csv.Add(lines)
}

func (r *rejects) close() error {
	if r.file == nil {
		// The list of an earlier try would be taken for this one's.
		if head, err := os.ReadFile(r.path); err == nil && bytes.HasPrefix(head, []byte("record,reference,revision,")) {
			return errors.Join(r.err, os.Remove(r.path))
		}
		return r.err
	}
	return errors.Join(r.csv.Close(), r.file.Close())
}

type feedImport struct {
	feedSource
}

func (feedImport) Help() string {
	return `The same path as HTTP: every record is answered as accepted, duplicate or rejected, and accepted means committed. Rejected records are written to FILE.rejects.csv with what to do about each. Importing a file twice changes nothing.

Exits with 0 when the file was read to its end, also if records of it were rejected, and with 1 when it was not, or when it holds nothing that could be taken.

With --replies it takes what the force was asked and answers, and what became of disclosures.

Example:
  reportable feed import --force 62 incidents-62-south-wales.csv
  reportable feed import --force 62 --replies replies.csv`
}

func (i feedImport) Run(ctx context.Context, c *run.Config, to terminal) error {
	now := time.Now()
	reader, closeFile, err := i.open(to, now)
	if err != nil {
		return err
	}
	defer closeFile()
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	rejects := i.rejects()
	intake, quality := feed.Intake{Ledger: db}, &feed.Quality{}
	if i.Replies {
		intake.Ledger, quality = feed.Replies(db), nil // it is of incidents
	}
	receipt, err := intake.Take(ctx, feed.Submission{Force: i.Force, Channel: casework.ChannelCommandLine, Received: now, Each: rejects.add, Quality: quality}, reader)
	closing := rejects.close()
	if err != nil {
		return fmt.Errorf("%w; %d records were accepted before it (receipt %s): import the file again, and they will be answered as duplicates", err, receipt.Accepted, receipt.ID)
	}
	answer := feed.Summary(receipt)
	answer.Quality = quality
	if i.JSON {
		if err := to.json(answer); err != nil {
			return err
		}
	} else {
		name, _ := casework.ForceName(i.Force)
		fmt.Fprintf(to.out, "%s: %d records. %d accepted, %d duplicate, %d rejected. Receipt %s.\n",
			name, answer.Records, answer.Accepted, answer.Duplicate, answer.Rejected, answer.Receipt)
		if quality != nil {
			for _, w := range quality.Warnings {
				fmt.Fprintf(to.out, "  ! %s\n", w)
			}
		}
		tellDropped(to.out, answer.Dropped)
		if receipt.Rejected > 0 && closing == nil {
			fmt.Fprintf(to.out, "What was rejected, and what to do about it, is in %s.\n", rejects.path)
		}
	}
	if closing != nil {
		return fmt.Errorf("write the rejected records: %w; they are on the receipt %s too; give another place with --rejects FILE", closing, receipt.ID)
	}
	if err := ending(answer.Records, receipt.Problem); err != nil {
		return err
	}
	if answer.Status == feed.Failed {
		return errors.New("nothing of the file could be taken; see what was rejected")
	}
	return nil
}

// ending is the error of a file that was not read to its end, or held nothing.
func ending(records int, p *casework.Problem) error {
	if p != nil {
		return fmt.Errorf("%s %s", p.Message, p.Action)
	}
	if records == 0 {
		return errors.New("the file holds no record; check that it is the right one, and its format")
	}
	return nil
}

func tellDropped(to io.Writer, dropped map[string]int) {
	if len(dropped) == 0 {
		return
	}
	fmt.Fprintln(to, "Not understood, and dropped:")
	names := make([]string, 0, len(dropped))
	for name := range dropped {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(to, "  %-40s %7d times\n", name, dropped[name])
	}
}

type feedCheck struct {
	feedSource
}

func (feedCheck) Help() string {
	return `Reads and judges every record as import would, and commits nothing. Ends with a report on the data: how often each field is filled, identifiers that are not of their form, times that look unconverted.

Exits with 0 when every record could be accepted, else with 1.

Example:
  reportable feed check --force 62 incidents-62-south-wales.csv`
}

// mostProblems is how many problems a check tells on a terminal.
const mostProblems = 20

func (k feedCheck) Run(ctx context.Context, to terminal) error {
	now := time.Now()
	reader, closeFile, err := k.open(to, now)
	if err != nil {
		return err
	}
	defer closeFile()
	var rejects *rejects
	if k.Rejects != "" {
		rejects = k.rejects()
	}
	told := 0
	answer, err := feed.Check(reader, k.Force, now, func(l casework.ReceiptLine) {
		if rejects != nil {
			rejects.add([]casework.ReceiptLine{l})
		}
		for _, p := range l.Problems {
			if told++; told > mostProblems || k.JSON {
				continue
			}
			where := cmp.Or(p.Pointer, p.Column)
			fmt.Fprintf(to.err, "record %d, %s: %s %s\n", l.Record, cmp.Or(where, "as a whole"), p.Message, p.Action)
		}
	})
	if rejects != nil {
		if closing := rejects.close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		return err
	}
	if k.Replies {
		answer.Quality = nil // it is of incidents
	}
	if k.JSON {
		if err := to.json(answer); err != nil {
			return err
		}
	} else {
		if told > mostProblems {
			fmt.Fprintf(to.err, "and %d more; --rejects FILE writes all of them\n", told-mostProblems)
		}
		fmt.Fprintf(to.out, "%d records: %d would be accepted unless they are there already, %d rejected. Nothing was committed.\n",
			answer.Records, answer.Accepted, answer.Rejected)
		if answer.Quality != nil {
			tellQuality(to.out, answer.Quality)
		}
	}
	if err := ending(answer.Records, answer.Problem); err != nil {
		return err
	}
	if answer.Rejected > 0 {
		return fmt.Errorf("%d of %d records would be rejected", answer.Rejected, answer.Records)
	}
	return nil
}

func tellQuality(to io.Writer, q *feed.Quality) {
	for _, w := range q.Warnings {
		fmt.Fprintf(to, "  ! %s\n", w)
	}
	for _, name := range slices.Sorted(mapKeys(q.Filled)) {
		of := q.Records
		if len(name) > 8 && name[:8] == "persons." {
			of = q.Persons
		}
		fmt.Fprintf(to, "  %-22s filled in %5.1f%%\n", name, 100*float64(q.Filled[name])/float64(max(1, of)))
	}
	for _, name := range slices.Sorted(mapKeys(q.Identifiers)) {
		fmt.Fprintf(to, "  %-22s wrong in %d\n", name, q.Identifiers[name])
	}
	tellDropped(to, q.Dropped)
}

func mapKeys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

type feedKey struct {
	Create feedKeyCreate `cmd:"" help:"Make a key for a force, and show it once."`
	List   feedKeyList   `cmd:"" help:"List keys, and never a key itself."`
	Revoke feedKeyRevoke `cmd:"" help:"Make a key useless at once."`
}

type feedKeyCreate struct {
	Force string `required:"" placeholder:"CODE" help:"The force's code, such as 62."`
	Name  string `default:"integration" help:"What the key is for. Default: ${default}."`
	Days  int    `default:"365" help:"How long it is valid. Default: ${default}."`
	JSON  bool   `name:"json" help:"Answer as JSON."`
}

func (feedKeyCreate) Help() string {
	return `The key is shown once and kept nowhere; what is kept is a hash. A force may have two live keys, so that it can change over without a gap.

Example:
  reportable feed key create --force 62 --name "records system"`
}

func (k feedKeyCreate) Run(ctx context.Context, c *run.Config, to terminal) error {
	name, known := casework.ForceName(k.Force)
	if !known {
		return run.Usage("there is no force %q; South Wales is 62", k.Force)
	}
	if k.Days < 1 || k.Days > 3660 {
		return run.Usage("--days is %d; give from 1 to 3660", k.Days)
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	key, hash := access.NewForceKey()
	expires := time.Now().AddDate(0, 0, k.Days)
	id, err := db.AddForceKey(ctx, k.Force, k.Name, hash, expires)
	if errors.Is(err, postgres.ErrTooManyKeys) {
		return fmt.Errorf("%w; see reportable feed key list --force %s", err, k.Force)
	}
	if err != nil {
		return err
	}
	if k.JSON {
		return to.json(map[string]any{"id": id, "force": k.Force, "name": k.Name, "expiresAt": expires.UTC(), "key": key})
	}
	fmt.Fprintf(to.err, "Key %d of %s, valid until %s. It is shown this once:\n", id, name, expires.Format("2 January 2006"))
	fmt.Fprintln(to.out, key)
	return nil
}

type feedKeyList struct {
	Force string `placeholder:"CODE" help:"Of this force alone."`
	JSON  bool   `name:"json" help:"Answer as JSON."`
}

func (feedKeyList) Help() string {
	return `Example:
  reportable feed key list --force 62`
}

func (k feedKeyList) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	keys, err := db.ForceKeys(ctx, k.Force)
	if err != nil {
		return err
	}
	if k.JSON {
		return to.json(map[string]any{"keys": keys})
	}
	if len(keys) == 0 {
		fmt.Fprintln(to.out, "There is no key: make one with reportable feed key create --force CODE.")
	}
	for _, key := range keys {
		state := "expired"
		switch {
		case key.RevokedAt != nil:
			state = "revoked"
		case key.Live(time.Now()):
			state = "live"
		}
		used := "never used"
		if key.LastUsedAt != nil {
			used = "last used " + key.LastUsedAt.Format("2006-01-02 15:04") + " UTC"
		}
		fmt.Fprintf(to.out, "%4d  force %s  %-8s until %s  %-28s %s\n", key.ID, key.Force, state, key.ExpiresAt.Format("2006-01-02"), used, key.Name)
	}
	return nil
}

type feedKeyRevoke struct {
	ID    int64  `arg:"" help:"The key's number, as feed key list gives it."`
	Force string `required:"" placeholder:"CODE" help:"The force whose key it is."`
}

func (feedKeyRevoke) Help() string {
	return `Example:
  reportable feed key revoke --force 62 3`
}

func (k feedKeyRevoke) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if err := db.RevokeForceKey(ctx, k.Force, k.ID); errors.Is(err, casework.ErrNotFound) {
		return fmt.Errorf("force %s has no live key %d; see reportable feed key list --force %s", k.Force, k.ID, k.Force)
	} else if err != nil {
		return err
	}
	fmt.Fprintf(to.out, "Key %d of force %s is revoked.\n", k.ID, k.Force)
	return nil
}

type feedMapping struct {
	Check feedMappingCheck `cmd:"" help:"Explain a mapping, against a sample if one is given."`
}

type feedMappingCheck struct {
	Mapping string `arg:"" help:"A mapping file, or the name of one that ships."`
	Sample  string `arg:"" optional:"" help:"Some rows of the export."`
	Force   string `placeholder:"CODE" help:"Default: the mapping's."`
}

func (feedMappingCheck) Help() string {
	return `Says for each field which column it comes from and how it is read, and with a sample how often that worked, and which columns are not used. No value of the sample is printed.

Example:
  reportable feed mapping check 62-south-wales sample.csv`
}

func (k feedMappingCheck) Run(ctx context.Context, to terminal) error {
	m, err := feed.Mapping(k.Mapping, k.Force, false)
	if err != nil {
		return err
	}
	for _, line := range m.Explain() {
		fmt.Fprintln(to.out, line)
	}
	if k.Sample == "" {
		return nil
	}
	if k.Force == "" {
		k.Force = m.Force
	}
	if k.Force == "" {
		return run.Usage("the mapping is of no force: give --force")
	}
	fmt.Fprintln(to.out)
	return feedCheck{feedSource{File: k.Sample, Force: k.Force, Format: k.Mapping}}.Run(ctx, to)
}
