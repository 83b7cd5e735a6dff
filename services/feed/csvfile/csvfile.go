// Package csvfile reads incidents from a force's own CSV export: a row for
// each person, described by a [Mapping].
//
// Rows that share reference and version and stand together are a block. A block
// that repeats itself row for row is the incident sent again, a record each
// time. A spoiled row rejects its whole block, at that row, for half an
// incident would hide someone. A row without a reference can only be rejected
// by itself. A row whose version cannot be read rejects the blocks of its
// reference that it might belong to.
package csvfile

import (
	"io"
	"strconv"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// maxBlock is the most rows that one reference may have in a row.
const maxBlock = 1000

// Reader reads the records of one file.
type Reader struct {
	m       *Mapping
	rules   check.Rules
	rows    *rows
	heading []string
	ready   []casework.Record
	group   []row
	ref     string
	over    bool // the group is past maxBlock and its rows are passed over
	dropped map[string]int
	extra   []string // columns that the mapping does not name
	ended   *casework.Problem
	done    bool
}

// NewReader reads in by the mapping and judges by the rules. A file that the
// mapping does not fit has no records, and [Reader.Ended] says why.
func NewReader(in io.Reader, m *Mapping, rules check.Rules) (*Reader, error) {
	// The columns found are the file's, so that the mapping can be shared.
	own := *m
	own.Fields = make(map[string]Source, len(m.Fields))
	r := &Reader{m: &own, rules: rules}
	var fits bool
	if r.rows, fits = newRows(in, m); !fits {
		r.end(check.BadEncoding, m.Encoding+", as its mapping says")
		return r, nil
	}
	head, err := r.rows.next()
	if err == io.EOF {
		r.end(check.Empty, "")
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.match(m, head)
	return r, nil
}

func (r *Reader) end(code check.Code, detail string) {
	p := check.Problem(code, detail)
	r.ended, r.done = &p, true
}

// match finds the mapping's columns in the heading.
func (r *Reader) match(m *Mapping, head row) {
	r.heading = head.cells
	at := make(map[string]int)
	used := make(map[int]bool)
	for n, name := range head.cells {
		name = strings.TrimSpace(name)
		if _, twice := at[name]; twice && name != "" {
			at[name] = -2
			continue
		}
		at[name] = n
	}
	var missing []string
	for _, name := range sorted(m.Fields) {
		s := m.Fields[name]
		s.at = nil
		for _, column := range s.columns() {
			n, there := at[column]
			if !there || n == -2 {
				if !s.Optional || n == -2 {
					missing = append(missing, strconv.Quote(column))
				}
				n = -1
			} else {
				used[n] = true
			}
			s.at = append(s.at, n)
		}
		r.m.Fields[name] = s
	}
	if len(missing) > 0 || head.code != "" {
		p := casework.Problem{
			Row: head.line, Code: string(check.Columns),
			Message: "The heading does not fit the mapping " + m.Name + ": it lacks, or has twice, " + strings.Join(missing, ", ") + ".",
			Action:  "Send the export that the mapping describes, or have the mapping changed. If the columns look right, check delimiter and encoding.",
		}
		r.ended, r.done = &p, true
		return
	}
	for n, name := range head.cells {
		if !used[n] {
			r.extra = append(r.extra, columnName(name))
		}
	}
}

// Ended says why reading stopped before the file's end, or nil.
func (r *Reader) Ended() *casework.Problem { return r.ended }

// Dropped says which columns were dropped, and in how many rows.
func (r *Reader) Dropped() map[string]int { return r.dropped }

// Next gives the next record, io.EOF after the last one, or the error of the
// stream below.
func (r *Reader) Next() (casework.Record, error) {
	for len(r.ready) == 0 {
		if r.done {
			return casework.Record{}, io.EOF
		}
		next, err := r.rows.next()
		if err == io.EOF {
			r.done = true
			r.flush()
			continue
		}
		if err != nil {
			return casework.Record{}, err
		}
		r.take(next)
	}
	rec := r.ready[0]
	r.ready = r.ready[1:]
	return rec, nil
}

func (r *Reader) take(next row) {
	for _, name := range r.extra {
		if r.dropped == nil {
			r.dropped = make(map[string]int)
		}
		r.dropped[name]++
	}
	if next.code == "" && len(next.cells) != len(r.heading) {
		next.code = check.Columns
	}
	ref, _ := r.cell("reference", next)
	if ref == "" {
		rec := casework.Record{Number: next.line}
		code := check.NoReference
		if next.code != "" {
			code = next.code
		}
		p := check.Problem(code, strconv.Itoa(maxRow>>10)+" KiB")
		p.Row, p.Column = next.line, r.m.Fields["reference"].place()
		rec.Problems = []casework.Problem{p}
		r.ready = append(r.ready, rec)
		return
	}
	if ref != r.ref {
		r.flush()
		r.ref, r.over = ref, false
	}
	if r.over {
		return
	}
	r.group = append(r.group, next)
	if len(r.group) > maxBlock {
		r.over = true
		rec := casework.Record{Number: next.line}
		rec.Incident.Force, rec.Incident.Reference = r.rules.Force, ref
		p := check.Problem(check.TooMany, strconv.Itoa(maxBlock)+" rows of one reference as")
		p.Row = next.line
		rec.Problems = []casework.Problem{p}
		r.ready = append(r.ready, rec)
		r.group = nil
	}
}

// cell gives a field's text in a row: several columns joined, or the value that
// the mapping gives. Ok is false when its bytes were not of the encoding.
func (r *Reader) cell(field string, in row) (text string, ok bool) {
	s, mapped := r.m.Fields[field]
	if !mapped {
		return "", true
	}
	ok = true
	for _, at := range s.at {
		if at < 0 || at >= len(in.cells) {
			continue
		}
		part := strings.TrimSpace(in.cells[at])
		if part == "" {
			continue
		}
		ok = ok && sound(part)
		if text != "" {
			text += " "
		}
		text += part
	}
	if text == "" {
		text = s.Value
	}
	return text, ok
}

// columnName gives a heading as it may be kept: headings are the sender's text.
func columnName(s string) string {
	s = strings.TrimSpace(s)
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(" _-/()#.", c)) {
			return "(not a name)"
		}
	}
	if s == "" || len(s) > 60 {
		return "(not a name)"
	}
	return s
}
