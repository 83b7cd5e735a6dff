package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

type feedFilter struct {
	feedSource
	Watchlist string  `required:"" type:"existingfile" placeholder:"FILE" help:"The force's watch list, as GET /v1/caseload gave it."`
	Out       string  `placeholder:"FILE" help:"Where to write what is to be sent, as NDJSON. Default: beside the export, as FILE.filtered.ndjson."`
	Threshold float64 `default:"0.003" help:"The probability from which somebody might be on the list. Default: ${default}, which is deliberately loose."`
	Truth     string  `type:"existingfile" placeholder:"FILE" help:"A truth.csv, to say how well the filter does."`
	Extract   string  `type:"existingfile" placeholder:"FILE" help:"With --truth: the case record's extract that the list was made of. Whoever is not in it is on no list, and does not count as somebody the filter should have kept."`
}

func (feedFilter) Help() string {
	return `Runs at the force, without a network or a database, and leaves at home what cannot concern anybody on the watch list. The decision whether an incident concerns somebody is made where it is sent, not here. All revisions of an incident stay together.

Example:
  reportable feed filter --force 62 --watchlist caseload.ndjson incidents-62-south-wales.csv`
}

// filtered is what became of an export.
type filtered struct {
	Incidents int    `json:"incidents"`
	Kept      int    `json:"kept"`
	LeftHome  int    `json:"leftAtHome"`
	Records   int    `json:"recordsWritten"`
	Rejected  int    `json:"recordsRejected"`
	Out       string `json:"out"`
	Truth     *truth `json:"truth,omitempty"`
}

// truth is how well the filter did, where that is known.
type truth struct {
	Concerned     int     `json:"concerned"`
	NotOnList     int     `json:"concernNobodyOnTheList"` // though somebody on probation then or later
	ConcernedKept int     `json:"concernedKept"`
	KeptShare     float64 `json:"concernedKeptShare"`
	OthersLeft    float64 `json:"othersLeftAtHomeShare"`
}

func (f feedFilter) Run(ctx context.Context, to terminal) error {
	if f.File == "-" {
		return run.Usage("the export is read twice, so it must be a file")
	}
	if f.Threshold <= 0 || f.Threshold > 1 {
		return run.Usage("--threshold is a probability above 0 and up to 1")
	}
	list, err := readWatchList(f.Watchlist)
	if err != nil {
		return err
	}
	answer := filtered{Out: cmp.Or(f.Out, f.File+".filtered.ndjson")}
	concerns, err := f.judge(ctx, to, list, &answer)
	if err != nil {
		return err
	}
	if err := f.write(to, concerns, &answer); err != nil {
		return err
	}
	if f.Truth != "" {
		if answer.Truth, err = f.measure(concerns); err != nil {
			return err
		}
	}
	if f.JSON {
		return to.json(answer)
	}
	fmt.Fprintf(to.out, "%d incidents: %d might concern somebody on the list and are in %s; %d stay at home (%.1f%%).\n",
		answer.Incidents, answer.Kept, answer.Out, answer.LeftHome, 100*share(answer.LeftHome, answer.Incidents))
	if answer.Rejected > 0 {
		fmt.Fprintf(to.out, "%d records cannot be read and were not judged: see reportable feed check, and send them again when they are put right.\n", answer.Rejected)
	}
	if t := answer.Truth; t != nil {
		fmt.Fprintf(to.out, "By the truth: %d of %d incidents that concern somebody on the list were kept (%.2f%%), and %.1f%% of the others stay at home.\n",
			t.ConcernedKept, t.Concerned, 100*t.KeptShare, 100*t.OthersLeft)
		if t.NotOnList > 0 {
			fmt.Fprintf(to.out, "%d others concern somebody who is not in the extract, so that no list could have said so.\n", t.NotOnList)
		}
	}
	return nil
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// watchList is a force's list, ready to be asked.
type watchList struct {
	register *linkage.Register
	tokens   map[string]bool
	salt     string
}

func readWatchList(path string) (*watchList, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := json.NewDecoder(bufio.NewReader(file))
	var heading struct {
		Entries int    `json:"entries"`
		Salt    string `json:"salt"`
		After   *int64 `json:"after"`
	}
	if lines.Decode(&heading) != nil || heading.Salt == "" || heading.After != nil {
		return nil, errors.New("the watch list cannot be read; give the whole answer of GET /v1/caseload, not of its changes")
	}
	list := &watchList{register: linkage.New(linkage.Default()), tokens: map[string]bool{}, salt: heading.Salt}
	read := 0
	for {
		var e casework.WatchEntry
		if err := lines.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, errors.New("the watch list cannot be read; take it again with GET /v1/caseload")
		}
		read++
		list.register.Put(casework.PersonID(read), e.Identity())
		for _, t := range e.Tokens {
			list.tokens[t] = true
		}
	}
	if read != heading.Entries {
		return nil, fmt.Errorf("the watch list has %d of its %d entries: it broke off; take it again with GET /v1/caseload", read, heading.Entries)
	}
	return list, nil
}

// mayBeOn says whether somebody might be on the list.
func (l *watchList) mayBeOn(who casework.Identity, threshold float64) bool {
	if slices.ContainsFunc(casework.SeekTokens(l.salt, who), func(t string) bool { return l.tokens[t] }) {
		return true
	}
	if len(l.register.Scores(nil, linkage.Subject{Identity: who}, threshold)) > 0 {
		return true
	}
	// A list is days old where somebody has moved, so that where they live may
	// speak for them here and never against.
	who.Place, who.Previous = casework.Place{}, nil
	return len(l.register.Scores(nil, linkage.Subject{Identity: who}, threshold)) > 0
}

// judge says of each reference whether it might concern somebody.
func (f feedFilter) judge(ctx context.Context, to terminal, list *watchList, answer *filtered) (map[string]bool, error) {
	reader, closeFile, err := f.open(to, time.Now())
	if err != nil {
		return nil, err
	}
	defer closeFile()
	var mu sync.Mutex
	concerns := map[string]bool{}
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for ctx.Err() == nil {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(err, work.Wait())
		}
		if len(record.Problems) > 0 {
			answer.Rejected++
			continue
		}
		i := record.Incident
		work.Go(func() error {
			mu.Lock()
			known := concerns[i.Reference]
			concerns[i.Reference] = known
			mu.Unlock()
			if known {
				return nil
			}
			if slices.ContainsFunc(i.Persons, func(v casework.Involvement) bool { return list.mayBeOn(v.Identity(), f.Threshold) }) {
				mu.Lock()
				concerns[i.Reference] = true
				mu.Unlock()
			}
			return nil
		})
	}
	if err := errors.Join(work.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	if p := reader.Ended(); p != nil {
		return nil, fmt.Errorf("%s %s", p.Message, p.Action)
	}
	for _, kept := range concerns {
		answer.Incidents++
		if kept {
			answer.Kept++
		}
	}
	answer.LeftHome = answer.Incidents - answer.Kept
	return concerns, nil
}

// write reads the export once more and writes what is to be sent.
func (f feedFilter) write(to terminal, concerns map[string]bool, answer *filtered) error {
	reader, closeFile, err := f.open(to, time.Now())
	if err != nil {
		return err
	}
	defer closeFile()
	file, err := os.OpenFile(answer.Out, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(record.Problems) > 0 || !concerns[record.Incident.Reference] {
			continue
		}
		if err := lines.Encode(record.Incident); err != nil {
			return err
		}
		answer.Records++
	}
	return errors.Join(out.Flush(), file.Close())
}

// inExtract says of a CRN whether an extract has it.
func inExtract(path string) (func(string) bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) == 0 || slices.Index(rows[0], "crn") < 0 {
		return nil, errors.New("the extract cannot be read as a CSV with a column crn")
	}
	column, crns := slices.Index(rows[0], "crn"), map[string]bool{}
	for _, row := range rows[1:] {
		crns[row[column]] = true
	}
	return func(crn string) bool { return crns[crn] }, nil
}

// measure holds the filter against what is known.
func (f feedFilter) measure(concerns map[string]bool) (*truth, error) {
	file, err := os.Open(f.Truth)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, errors.New("the truth cannot be read as a CSV")
	}
	force, reference, crn := slices.Index(rows[0], "force"), slices.Index(rows[0], "reference"), slices.Index(rows[0], "crn")
	if force < 0 || reference < 0 || crn < 0 {
		return nil, errors.New("the truth has no columns force, reference and crn")
	}
	listed := func(string) bool { return true }
	if f.Extract != "" {
		if listed, err = inExtract(f.Extract); err != nil {
			return nil, err
		}
	}
	known, elsewhere := map[string]bool{}, map[string]bool{}
	for _, row := range rows[1:] {
		if row[force] == f.Force && row[crn] != "" {
			known[row[reference]] = known[row[reference]] || listed(row[crn])
			elsewhere[row[reference]] = true
		}
	}
	var t truth
	others, left := 0, 0
	for ref, kept := range concerns {
		switch {
		case known[ref]:
			t.Concerned++
			if kept {
				t.ConcernedKept++
			}
		default:
			others++
			if !kept {
				left++
			}
			if elsewhere[ref] {
				t.NotOnList++
			}
		}
	}
	t.KeptShare, t.OthersLeft = share(t.ConcernedKept, t.Concerned), share(left, others)
	return &t, nil
}
