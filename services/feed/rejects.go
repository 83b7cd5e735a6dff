package feed

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Rejects writes the problems of rejected records as a CSV that may be opened
// with a spreadsheet: no cell runs as a formula, and none holds a value that
// was sent but the record's reference.
type Rejects struct {
	csv   *csv.Writer
	begun bool
	count int
}

// NewRejects writes to w. Nothing is written before the first problem.
func NewRejects(w io.Writer) *Rejects { return &Rejects{csv: csv.NewWriter(w)} }

// Count is how many records were rejected.
func (r *Rejects) Count() int { return r.count }

// Add writes the rejected among the lines, one row for each problem.
func (r *Rejects) Add(lines []casework.ReceiptLine) {
	for _, l := range lines {
		if l.Status != casework.LineRejected {
			continue
		}
		r.count++
		r.heading()
		for _, p := range l.Problems {
			r.write(strconv.Itoa(l.Record), l.Reference, number(l.Revision), p.Pointer, number(p.Row), p.Column, p.Code, p.Message, p.Action)
		}
	}
}

// Whole writes why the submission ended early, or could not be read at all.
func (r *Rejects) Whole(p casework.Problem) {
	r.heading()
	r.write("", "", "", p.Pointer, number(p.Row), p.Column, p.Code, p.Message, p.Action)
}

func (r *Rejects) heading() {
	if !r.begun {
		r.begun = true
		r.write("record", "reference", "revision", "pointer", "row", "column", "code", "message", "action")
	}
}

// Close writes what is left, and says whether all could be written.
func (r *Rejects) Close() error {
	r.csv.Flush()
	return r.csv.Error()
}

func (r *Rejects) write(cells ...string) {
	for n, c := range cells {
		cells[n] = harmless(c)
	}
	_ = r.csv.Write(cells) // Close tells
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(cell string) string {
	if trimmed := strings.TrimLeft(cell, " \t\r\n"); trimmed != "" && strings.ContainsRune("=+-@|%", rune(trimmed[0])) || cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
