package feed

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// replyColumns are those that a CSV of replies may have, in any order: the
// fields of the canonical form, under their own names. Replies are few and
// written by hand or by a form of ours, so they need no mapping of a force's own.
var replyColumns = []string{"reference", "revision", "status", "kind", "enquiry", "entry", "answer", "text", "incidents", "repliedAt",
	"outcome", "decidedOn", "decidedBy"}

// NewReplyReader reads replies to enquiries and outcomes of disclosures from a
// file: canonical JSON, or CSV with the fields as columns.
func NewReplyReader(in io.Reader, f Format, rules check.Rules) (Reader, error) {
	name, ending := f.Name, strings.ToLower(filepath.Ext(f.File))
	if name == "" {
		name = strings.TrimPrefix(ending, ".")
	}
	switch name {
	case "json", "canonical":
		return canonical.NewReplies(in, canonical.Auto, rules), nil
	case "ndjson", "jsonl":
		return canonical.NewReplies(in, canonical.Lines, rules), nil
	case "csv":
		lines, err := replyLines(in, rules.Force)
		if err != nil {
			return nil, err
		}
		return canonical.NewReplies(lines, canonical.Lines, rules), nil
	}
	return nil, formatError("replies come as json, ndjson or csv")
}

// replyLines gives the rows of a CSV as canonical lines, so that they are read
// and judged as all others are. A row that is no row is a line that is no record.
func replyLines(in io.Reader, force string) (io.Reader, error) {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	head, err := rows.Read()
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return strings.NewReader(""), nil
	case errors.As(err, &parse):
		return nil, formatError("the first line of the CSV cannot be read")
	case err != nil:
		return nil, err
	}
	head = slices.Clone(head)
	for n := range head {
		head[n] = strings.TrimSpace(strings.TrimPrefix(head[n], "\ufeff"))
		if !slices.Contains(replyColumns, head[n]) {
			return nil, formatError("column %d of the CSV is none of %s", n+1, strings.Join(replyColumns, ", "))
		}
	}
	return &rowLines{rows: rows, head: head, force: force}, nil
}

// rowLines reads a CSV row by row as lines of JSON.
type rowLines struct {
	rows  *csv.Reader
	head  []string
	force string
	line  []byte
}

func (r *rowLines) Read(p []byte) (int, error) {
	if len(r.line) == 0 {
		row, err := r.rows.Read()
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse) || err == nil && len(row) != len(r.head):
			r.line = []byte("[]\n") // a record, and none
		case err != nil:
			return 0, err
		default:
			if r.line, err = json.Marshal(r.record(row)); err != nil {
				return 0, err
			}
			r.line = append(r.line, '\n')
		}
	}
	n := copy(p, r.line)
	r.line = r.line[n:]
	return n, nil
}

func (r *rowLines) record(row []string) map[string]any {
	record := map[string]any{"force": r.force}
	for n, cell := range row {
		cell = strings.TrimSpace(cell)
		switch name := r.head[n]; {
		case cell == "":
		case name == "revision":
			if number, err := strconv.ParseInt(cell, 10, 64); err == nil {
				record[name] = number
			} else {
				record[name] = cell // for the rules to say what is wrong with it
			}
		case name == "incidents":
			record[name] = strings.FieldsFunc(cell, func(c rune) bool { return c == ';' || c == ' ' })
		default:
			record[name] = cell
		}
	}
	return record
}
