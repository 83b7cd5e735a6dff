package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type caseloadCommand struct {
	Import    caseloadImport   `cmd:"" help:"Take an extract of the case record into the register."`
	Status    caseloadStatus   `cmd:"" help:"Say where the register stands."`
	Changes   caseloadChanges  `cmd:"" help:"List who changed with a version of the register, and how."`
	Staff     caseloadStaff    `cmd:"" help:"Take the staff list: grades, addresses, and the mailboxes of those who share one."`
	Merge     caseloadMerge    `cmd:"" help:"Follow a merge of two cases in the case record."`
	Unmerge   caseloadUnmerge  `cmd:"" help:"Follow the undoing of a merge."`
	Watchlist watchlistCommand `cmd:"" help:"What each police force is told of who is under supervision."`
}

type caseloadImport struct {
	File        string `arg:"" help:"The extract, or - for standard input."`
	Format      string `enum:",csv,ndjson" default:"" help:"csv or ndjson. Default: by the file's name, else csv."`
	Mapping     string `type:"existingfile" placeholder:"FILE" help:"A mapping file, where the extract's columns are not ours."`
	ExtractDate string `placeholder:"YYYY-MM-DD" help:"The day that the extract shows. Default: the date in the file's name, else today."`
	Delta       bool   `help:"The extract holds changes alone; who is absent from it stays as they are."`
	AllowEnded  bool   `help:"Let it end more than 5% of all supervisions."`
	Staff       string `type:"existingfile" placeholder:"FILE" help:"Take this staff list with it, as caseload staff does."`
	Rota        string `type:"existingfile" placeholder:"FILE" help:"Take this rota of duty officers with it, as rota import does."`
	Rejects     string `placeholder:"FILE" help:"Write every problem to this file, as CSV."`
	JSON        bool   `name:"json" help:"Answer as JSON."`
}

func (caseloadImport) Help() string {
	return `A complete extract ends the supervision of whoever is absent from it. A row that cannot be taken is told, with what to do about it; its person stays as they were, and the rest goes on. The same extract twice changes nothing.

Example:
  reportable caseload import caseload-2018-10-01.csv`
}

func (i caseloadImport) Run(ctx context.Context, c *run.Config, to terminal) error {
	what := casework.Extract{Kind: casework.FullExtract, AllowEnded: i.AllowEnded}
	if i.Delta {
		what.Kind = casework.DeltaExtract
	}
	var err error
	if what.Date, err = i.date(time.Now()); err != nil {
		return err
	}
	format, err := i.format()
	if err != nil {
		return err
	}
	from, size, err := i.open(to)
	if err != nil {
		return err
	}
	defer from.Close()
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()

	progress, finish := to.progress("reading", size)
	counted := &counter{from: from}
	im := extract.Importer{Store: db, Progress: func(int) { progress(counted.read.Load()) }}
	var rejects *rejectsFile
	if i.Rejects != "" {
		if rejects, err = createRejects(i.Rejects); err != nil {
			return err
		}
		im.Problem = rejects.write
	}
	report, err := im.Import(ctx, what, format, counted)
	finish()
	if rejects != nil {
		if closing := rejects.close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		if !i.JSON {
			tell(to, report, i.Rejects)
		}
		return err
	}
	// After the extract, which has the places that they name.
	staff, rota, err := takeStaffing(ctx, db, i.Staff, i.Rota)
	if i.JSON {
		if err != nil {
			return err
		}
		return to.json(struct {
			extract.Report
			Staff *extract.StaffReport `json:"staffList,omitempty"`
			Rota  *extract.StaffReport `json:"rota,omitempty"`
		}{report, staff, rota})
	}
	tell(to, report, i.Rejects)
	announceCaseload(to.out, report)
	announceStaffing(to, staff, rota)
	return err
}

var dateInName = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)

func (i caseloadImport) date(now time.Time) (casework.Date, error) {
	given := cmp.Or(i.ExtractDate, dateInName.FindString(filepath.Base(i.File)))
	if given == "" {
		london, err := time.LoadLocation("Europe/London")
		if err != nil {
			return casework.Date{}, err
		}
		return casework.DateOf(now.In(london)), nil
	}
	d, err := casework.ParseDate(given)
	if err != nil || !d.Known() {
		return casework.Date{}, run.Usage("the extract's date is not a day that exists; give --extract-date YYYY-MM-DD")
	}
	if casework.EnglandAndWales().Day(now).Before(d) {
		return casework.Date{}, run.Usage("%s", casework.ExtractToCome{Date: d}) // before anything is opened; the store asks too
	}
	return d, nil
}

func (i caseloadImport) format() (extract.Format, error) {
	format := extract.Format{Name: i.Format}
	if format.Name == "" && slices.Contains([]string{".ndjson", ".jsonl"}, strings.ToLower(filepath.Ext(i.File))) {
		format.Name = "ndjson"
	}
	if i.Mapping != "" {
		f, err := os.Open(i.Mapping)
		if err != nil {
			return format, err
		}
		defer f.Close()
		if format.Mapping, err = extract.ReadMapping(f); err != nil {
			return format, err
		}
	}
	return format, nil
}

// open gives the file with its size, -1 if that is not known.
func (i caseloadImport) open(to terminal) (io.ReadCloser, int64, error) {
	if i.File == "-" {
		return io.NopCloser(to.in), -1, nil
	}
	f, err := os.Open(i.File)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if info.IsDir() {
		f.Close()
		return nil, 0, run.Usage("%s is a folder; give the extract's file", i.File)
	}
	return f, info.Size(), nil
}

// counter knows how much has been read of a file. It is read ahead, so that
// whoever asks is another than who reads.
type counter struct {
	from io.Reader
	read atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// mostTold is how many problems a terminal is given.
const mostTold = 20

func tell(to terminal, r extract.Report, rejects string) {
	for n, p := range r.Problems {
		if n == mostTold {
			fmt.Fprintf(to.err, "and %d more; --rejects FILE writes all of them\n", len(r.Problems)+r.Unlisted-n)
			break
		}
		fmt.Fprintln(to.err, p)
	}
	if rejects != "" && r.Rejected > 0 {
		fmt.Fprintf(to.err, "The problems of %d rows are in %s.\n", r.Rejected, rejects)
	}
}

func announceCaseload(to io.Writer, r extract.Report) {
	fmt.Fprintf(to, "The %s extract of %s: %d rows taken, %d rejected. %d people are under supervision; the register is at version %d.\n",
		r.Kind, r.ExtractDate, r.Rows, r.Rejected, r.Supervised, r.Version)
	if r.Changed == 0 {
		fmt.Fprintln(to, "Nothing has changed.")
	}
	for _, change := range casework.CaseloadChanges {
		if n := r.Changes[change]; n > 0 {
			fmt.Fprintf(to, "  %-13s %7d\n", change, n)
		}
	}
	if r.StaffGone > 0 {
		fmt.Fprintf(to, "%d staff are no longer in the extract.\n", r.StaffGone)
	}
	if n := len(r.Qualified); n > 0 {
		fmt.Fprintf(to, "%d team and staff codes stand for two things in two PDUs; the register adds the PDU to one of each, such as %s.\n", n, r.Qualified[0])
	}
	if len(r.Ignored) > 0 {
		fmt.Fprintf(to, "Columns that were not understood: %s.\n", strings.Join(r.Ignored, ", "))
	}
}

// rejectsFile lists problems as CSV. None of its cells comes from the extract,
// so that no spreadsheet can be made to run one.
type rejectsFile struct {
	file *os.File
	csv  *csv.Writer
}

func createRejects(path string) (*rejectsFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	r := &rejectsFile{file: f, csv: csv.NewWriter(f)}
	return r, r.csv.Write([]string{"row", "column", "code", "message", "action"})
}

func (r *rejectsFile) write(p extract.Problem) {
	_ = r.csv.Write([]string{fmt.Sprint(p.Row), p.Column, p.Code, p.Message, p.Action}) // Flush tells
}

func (r *rejectsFile) close() error {
	r.csv.Flush()
	return errors.Join(r.csv.Error(), r.file.Close())
}

type caseloadStatus struct {
	JSON bool `name:"json" help:"Answer as JSON."`
}

func (caseloadStatus) Help() string {
	return `Example:
  reportable caseload status --json`
}

// caseloadAnswer is where the register stands, for a machine.
type caseloadAnswer struct {
	Version     int64             `json:"registerVersion"`
	ExtractDate casework.Date     `json:"extractDate"`
	ImportedAt  time.Time         `json:"importedAt,omitzero"`
	Supervised  int               `json:"supervised"`
	PDUs        []postgres.InPDU  `json:"pdus"`
	Imports     []postgres.Import `json:"imports"`
}

func (s caseloadStatus) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	register, err := db.Register(ctx)
	if err != nil {
		return err
	}
	answer := caseloadAnswer{Version: register.Version, ExtractDate: register.ExtractDate, ImportedAt: register.ImportedAt, Supervised: register.Supervised}
	if answer.PDUs, err = db.SupervisedByPDU(ctx); err != nil {
		return err
	}
	if answer.Imports, err = db.LatestImports(ctx, 5); err != nil {
		return err
	}
	if s.JSON {
		return to.json(answer)
	}
	if register.Version == 0 {
		fmt.Fprintln(to.out, "The register is empty: import an extract with reportable caseload import FILE.")
		return nil
	}
	fmt.Fprintf(to.out, "%d people are under supervision, as of the extract of %s. The register is at version %d.\n",
		register.Supervised, register.ExtractDate, register.Version)
	for _, p := range answer.PDUs {
		fmt.Fprintf(to.out, "  %-8s %-28s %7d people, %3d teams, %4d practitioners\n", p.Code, p.Name, p.Supervised, p.Teams, p.Practitioners)
	}
	return nil
}

type caseloadChanges struct {
	Version int64  `help:"Of this version of the register. Default: the latest."`
	Format  string `enum:"csv,json" default:"csv" help:"csv or json."`
	identity
}

func (caseloadChanges) Help() string {
	return `CRNs, and what became of each.` + whoAsks + `

Example:
  reportable caseload changes --version 2 --as 5f3e2c`
}

func (l caseloadChanges) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if l.Version == 0 {
		if l.Version, err = db.RegisterVersion(ctx); err != nil {
			return err
		}
	}
	type line struct {
		CRN    string                  `json:"crn"`
		Change casework.CaseloadChange `json:"change"`
	}
	lines := []line{}
	who, subject, err := l.who(ctx, c, db, access.ReadMatches)
	if err != nil {
		return err
	}
	err = db.Record(ctx, postgres.Audit{Actor: subject, What: "CASELOAD_CHANGES_READ", Service: "caseload", SubjectType: "register",
		SubjectID: fmt.Sprint(l.Version), Details: map[string]any{"everything": who.ID == 0}})
	if err != nil {
		return err
	}
	err = db.CaseloadChanges(ctx, who.ID, l.Version, func(crn string, change casework.CaseloadChange) error {
		lines = append(lines, line{crn, change})
		return nil
	})
	if err != nil {
		return err
	}
	if l.Format == "json" {
		return to.json(map[string]any{"registerVersion": l.Version, "changes": lines})
	}
	w := csv.NewWriter(to.out)
	_ = w.Write([]string{"crn", "change"}) // Flush tells
	for _, l := range lines {
		_ = w.Write([]string{l.CRN, string(l.Change)})
	}
	w.Flush()
	return w.Error()
}

type caseloadMerge struct {
	Source string `arg:"" help:"The CRN that is no longer used."`
	Target string `arg:"" help:"The CRN that it was merged into."`
}

func (caseloadMerge) Help() string {
	return `Matches and actions follow; nothing is rewritten, so that an unmerge gives back what was.

Example:
  reportable caseload merge X123456 X654321`
}

func (m caseloadMerge) Run(ctx context.Context, c *run.Config, to terminal) error {
	source, err := readCRN(m.Source)
	if err != nil {
		return err
	}
	target, err := readCRN(m.Target)
	if err != nil {
		return err
	}
	return changeCases(ctx, c, to, fmt.Sprintf("%s stands for %s from now on", source, target), func(db *postgres.DB) (int64, error) {
		return db.MergeCases(ctx, source, target)
	})
}

type caseloadUnmerge struct {
	CRN string `arg:"" name:"crn" help:"The CRN that stands on its own again."`
}

func (caseloadUnmerge) Help() string {
	return `Example:
  reportable caseload unmerge X123456`
}

func (m caseloadUnmerge) Run(ctx context.Context, c *run.Config, to terminal) error {
	crn, err := readCRN(m.CRN)
	if err != nil {
		return err
	}
	return changeCases(ctx, c, to, crn+" stands on its own", func(db *postgres.DB) (int64, error) { return db.UnmergeCase(ctx, crn) })
}

func readCRN(s string) (string, error) {
	crn, err := casework.ParseCRN(s)
	if err != nil {
		return "", run.Usage("a CRN has one or two letters and six digits")
	}
	return crn, nil
}

func changeCases(ctx context.Context, c *run.Config, to terminal, deed string, change func(*postgres.DB) (int64, error)) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	version, err := change(db)
	if errors.Is(err, casework.ErrNotFound) {
		return fmt.Errorf("%w; a CRN is known once an extract has had it: see reportable caseload status", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(to.out, "%s. The register is at version %d.\n", deed, version)
	return nil
}
