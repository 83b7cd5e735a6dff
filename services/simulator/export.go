package simulator

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Plan is what to write into a folder.
type Plan struct {
	Dir       string
	Incidents int
	// From and Until bound the times at which the incidents are reported.
	From, Until time.Time
	// Progress, if set, is told how many people and incidents have been written.
	Progress func(done int)
}

// Written says what was.
type Written struct {
	Files     []string `json:"files"`
	People    int      `json:"people"`
	Incidents int      `json:"incidents"`
	Revisions int      `json:"revisions"`
	Persons   int      `json:"persons"`
	// OnCaseload is how many of the persons are on the caseload.
	OnCaseload int `json:"onCaseload"`
}

// Write writes the extract, each force's export and the truth: for each person
// in each revision, numbered as they are sent, the CRN or nothing.
func (w World) Write(p Plan) (Written, error) {
	done := Written{People: w.People, Incidents: p.Incidents}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return done, err
	}
	out := folder{dir: p.Dir}
	defer out.close()
	tell := func(int) {}
	if p.Progress != nil {
		tell = p.Progress
	}
	extract, err := out.create(fmt.Sprintf("caseload-%s.csv", w.Date))
	if err != nil {
		return done, err
	}
	if err := w.WriteExtract(extract, tell); err != nil {
		return done, err
	}
	if p.Incidents > 0 {
		if err := w.writeIncidents(&out, p, &done, tell); err != nil {
			return done, err
		}
	}
	done.Files = out.names
	return done, out.close()
}

func (w World) writeIncidents(out *folder, p Plan, done *Written, tell func(int)) error {
	exports := map[string]layout{}
	for _, force := range Forces {
		to, err := out.create(ExportName(force))
		if err != nil {
			return err
		}
		exports[force] = layoutOf(force)
		if err := exports[force].begin(to); err != nil {
			return err
		}
	}
	to, err := out.create("truth.csv")
	if err != nil {
		return err
	}
	truth := csv.NewWriter(to)
	if err := truth.Write(words("force reference revision person role crn")); err != nil {
		return err
	}
	each := p.Until.Sub(p.From) / time.Duration(p.Incidents)
	for n := range p.Incidents {
		report := w.Incident(n+1, p.From.Add(time.Duration(n+1)*each).In(london))
		for k, revision := range report.Revisions {
			if err := exports[revision.Force].write(revision); err != nil {
				return err
			}
			done.Revisions++
			for at, v := range revision.Persons {
				crn := report.Truth[k][at]
				done.Persons++
				if crn != "" {
					done.OnCaseload++
				}
				if err := truth.Write([]string{revision.Force, revision.Reference, fmt.Sprint(revision.Revision), fmt.Sprint(at + 1), string(v.Role), crn}); err != nil {
					return err
				}
			}
		}
		if report.Again {
			last := report.Revisions[len(report.Revisions)-1]
			if err := exports[last.Force].write(last); err != nil {
				return err
			}
		}
		if n%1000 == 999 {
			tell(w.People + n + 1)
		}
	}
	for _, force := range Forces {
		if err := exports[force].end(); err != nil {
			return err
		}
	}
	truth.Flush()
	return truth.Error()
}

// folder holds the files that are being written.
type folder struct {
	dir   string
	names []string
	open  []*buffered
}

type buffered struct {
	*bufio.Writer
	file *os.File
}

func (f *folder) create(name string) (io.Writer, error) {
	file, err := os.Create(filepath.Join(f.dir, name))
	if err != nil {
		return nil, err
	}
	b := &buffered{bufio.NewWriterSize(file, 1<<16), file}
	f.names, f.open = append(f.names, name), append(f.open, b)
	return b, nil
}

func (f *folder) close() error {
	var all error
	for _, b := range f.open {
		all = errors.Join(all, b.Flush(), b.file.Close())
	}
	f.open = nil
	return all
}
