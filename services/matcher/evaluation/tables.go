package evaluation

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Record is one row: its id in the file and who it is about.
type Record struct {
	ID      string
	Subject linkage.Subject
	// Cluster is the value of the cluster column, for a table with duplicates.
	Cluster string
}

// ReadTable reads a CSV by its mapping. A cluster column may be named too. What
// can be measured, and perhaps is not what was meant, is said in doubts, none of
// which quotes a value.
func ReadTable(path string, m Mapping, cluster string) (out []Record, doubts []string, err error) {
	rows, comma, err := readCSV(path)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) < 2 {
		return nil, nil, fmt.Errorf("read %s: no rows under the header", path)
	}
	at := map[string]int{}
	for i, h := range rows[0] {
		at[strings.TrimSpace(h)] = i
	}
	for _, c := range m.all(cluster) {
		if _, ok := at[c]; !ok {
			return nil, nil, fmt.Errorf("read %s: the mapping names column %q, which the file does not have; it has %s", path, c, strings.Join(rows[0], ", "))
		}
	}
	out = make([]Record, 0, len(rows)-1)
	dates, filled := dateCheck{}, map[string]bool{}
	for n, row := range rows[1:] {
		if more := len(row) - len(rows[0]); more > 0 && strings.Join(row[len(rows[0]):], "") != "" {
			return nil, nil, fmt.Errorf("read %s: row %d has %d columns more than the header; put values with a %q in them between quotes", path, n+2, more, comma)
		}
		get := func(c string) string {
			if i, ok := at[c]; ok && c != "" && i < len(row) {
				v := clean(row[i])
				if v != "" {
					filled[c] = true
				}
				return v
			}
			return ""
		}
		r := Record{ID: get(m.ID), Cluster: get(cluster), Subject: m.subject(get)}
		switch {
		case m.ID == "":
			r.ID = strconv.Itoa(n + 1)
		case r.ID == "":
			return nil, nil, fmt.Errorf("read %s: row %d has nothing in column %q, the id; give it one, or leave the id out of the mapping", path, n+2, m.ID)
		}
		dates.see(n+2, get(m.DateOfBirth.Column), r.Subject.DateOfBirth)
		out = append(out, r)
	}
	if dates.read < dates.unread {
		return nil, nil, fmt.Errorf("read %s: row %d, column %q, and %d rows more of %d: the date of birth is not written as the mapping says; give its layout, such as DD/MM/YYYY", path, dates.first, m.DateOfBirth.Column, dates.unread-1, dates.read+dates.unread)
	}
	for _, c := range m.columns() {
		if !filled[c] {
			doubts = append(doubts, fmt.Sprintf("column %q is empty in all %d rows, so nobody is compared by it; leave it out of the mapping, or name another", c, len(out)))
		}
	}
	if len(doubts) == len(m.columns()) {
		return nil, nil, fmt.Errorf("read %s: every column that people would be compared by is empty in all %d rows; let the mapping name others", path, len(out))
	}
	if cluster != "" && largest(out) < 2 {
		doubts = append(doubts, fmt.Sprintf("no two rows have the same value in column %q, so there is nobody to find, and precision and recall say nothing; name the column that is equal for records of one person", cluster))
	}
	return out, doubts, nil
}

// largest is how many records the largest cluster has.
func largest(records []Record) (most int) {
	sizes := map[string]int{}
	for _, r := range records {
		if r.Cluster != "" {
			sizes[r.Cluster]++
			most = max(most, sizes[r.Cluster])
		}
	}
	return most
}

// dateCheck counts the dates that could be read. A few that could not are
// mistyped; most of them are of another layout.
type dateCheck struct{ read, unread, first int }

func (d *dateCheck) see(row int, given string, as casework.Date) {
	switch {
	case given == "":
	case as.Year > 0:
		d.read++
	default:
		if d.unread == 0 {
			d.first = row
		}
		d.unread++
	}
}

// readCSV reads a table, whichever of the usual delimiters its header has. What
// is not UTF-8 is taken for Windows-1252.
func readCSV(path string) (rows [][]string, comma rune, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read table: %w", err)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		if text, err = charmap.Windows1252.NewDecoder().Bytes(text); err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", path, err)
		}
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, true, true
	for _, other := range []rune{';', '\t', '|'} {
		if bytes.Count(first, []byte(string(other))) > bytes.Count(first, []byte(string(r.Comma))) {
			r.Comma = other
		}
	}
	if rows, err = r.ReadAll(); err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, r.Comma, nil
}
