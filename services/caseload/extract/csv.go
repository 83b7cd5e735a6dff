package extract

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is how an extract is written.
type Format struct {
	// Name is csv or ndjson.
	Name string
	// Mapping names an extract's columns where they are not ours. Optional.
	Mapping *Mapping
}

// rows gives an extract row by row.
type rows interface {
	// columns are ours that the extract has.
	columns() map[string]bool
	// ignored are the extract's that we do not know.
	ignored() []string
	next() (*fields, error)
}

func (f Format) open(from io.Reader) (rows, error) {
	switch f.Name {
	case "", "csv":
		return openCSV(from, f.Mapping)
	case "ndjson":
		return openNDJSON(from, f.Mapping)
	}
	return nil, fmt.Errorf("%w; there is no format %q, only csv and ndjson", ErrNotAnExtract, f.Name)
}

// required are the columns without which an extract says too little: who the
// person is, and who has the case.
var required = []string{"crn", "surname", "forenames", "date_of_birth", "pdu_code", "team_code"}

// longestLine bounds what one line may take of memory.
const longestLine = 1 << 20

// csvRows reads an extract as comma-separated values with a heading, its
// columns in any order.
type csvRows struct {
	lines   *lines
	comma   byte
	index   map[string]int // our column → its place
	width   int
	unknown []string
	mapping *Mapping
}

func openCSV(from io.Reader, m *Mapping) (rows, error) {
	return openTable(from, m, m.column, required)
}

// openTable reads any CSV with a heading: column gives our name of one of its
// columns, and whether there is one.
func openTable(from io.Reader, m *Mapping, column func(string) (string, bool), required []string) (*csvRows, error) {
	buffered := bufio.NewReaderSize(from, longestLine)
	start, err := buffered.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the extract: %w", err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		buffered.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, fmt.Errorf("%w; it is UTF-16; save it as UTF-8", ErrNotAnExtract)
	case len(start) == 0:
		return nil, fmt.Errorf("%w; it is empty", ErrNotAnExtract)
	}
	r := &csvRows{lines: &lines{from: buffered}, comma: ',', mapping: m}
	if m != nil && m.Delimiter != "" {
		r.comma = m.Delimiter[0]
	}
	line, _, long, err := r.lines.next()
	heading, whole, proper := splitLine(line, r.comma, nil)
	if err != nil || long || !whole || !proper {
		return nil, fmt.Errorf("%w; its first line is not a heading", ErrNotAnExtract)
	}
	r.width = len(heading)
	r.index = map[string]int{}
	for i, name := range heading {
		ours, known := column(name)
		if !known {
			r.unknown = append(r.unknown, columnName(name))
			continue
		}
		if _, twice := r.index[ours]; twice {
			return nil, fmt.Errorf("%w; the column %s stands in it twice", ErrNotAnExtract, ours)
		}
		r.index[ours] = i
	}
	var missing []string
	for _, name := range required {
		if _, ok := r.index[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w; it has no column %s; give it, or name it in a mapping file (--mapping)", ErrNotAnExtract, strings.Join(missing, ", "))
	}
	return r, nil
}

// columnName is what a file calls a column, cut short and made printable: a
// file without a heading would otherwise put somebody's name into our answer.
func columnName(name string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == ' ' || r == '-'
	}
	if len(name) == 0 || len(name) > 40 || strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) >= 0 {
		return "(a column without a plain name)"
	}
	return name
}

func (r *csvRows) columns() map[string]bool {
	has := map[string]bool{}
	for name := range r.index {
		has[name] = true
	}
	return has
}

func (r *csvRows) ignored() []string { slices.Sort(r.unknown); return slices.Compact(r.unknown) }

func (r *csvRows) next() (*fields, error) {
	line, at, long, err := r.lines.next()
	if err != nil {
		return nil, err
	}
	if long {
		return &fields{row: at, broken: "long"}, nil
	}
	f := &fields{row: at, mapping: r.mapping}
	record, whole, proper := splitLine(line, r.comma, make([]string, 0, r.width))
	if !whole {
		record, proper = r.join(line, record)
	}
	switch {
	case !proper:
		f.broken = "quotes"
	case len(record) != r.width:
		f.broken = "columns"
	}
	f.index, f.record = r.index, record
	return f, nil
}

// mostJoined is how many lines a row may go over.
const mostJoined = 10

// join looks for the end of a row whose last field goes on after the line's
// end. If what follows does not make a proper row, the line is broken by
// itself and the next line is a row again: a quotation mark left open must not
// swallow other people's rows, for they would seem to be absent.
func (r *csvRows) join(line []byte, alone []string) (record []string, proper bool) {
	joined := slices.Clone(line)
	for n := range mostJoined {
		more, ok := r.lines.ahead(n)
		if !ok {
			break
		}
		joined = append(append(joined, '\n'), more...)
		record, whole, proper := splitLine(joined, r.comma, nil)
		if whole {
			if proper && len(record) == r.width {
				r.lines.drop(n + 1)
				return record, true
			}
			break
		}
	}
	return alone, false
}

// splitLine parts a row into its fields. It is not whole if a quoted field goes
// on after the line's end, and not proper if quotation marks stand where they
// may not; then the fields before that are given.
func splitLine(line []byte, comma byte, into []string) (record []string, whole, proper bool) {
	record = into
	for {
		if len(line) == 0 || line[0] != '"' {
			end := bytes.IndexByte(line, comma)
			field := line
			if end >= 0 {
				field = line[:end]
			}
			if bytes.IndexByte(field, '"') >= 0 {
				return record, true, false
			}
			record = append(record, string(field))
			if end < 0 {
				return record, true, true
			}
			line = line[end+1:]
			continue
		}
		field, rest, closed := quoted(line[1:])
		if !closed {
			return record, false, false
		}
		if len(rest) > 0 && rest[0] != comma {
			return record, true, false
		}
		record = append(record, field)
		if len(rest) == 0 {
			return record, true, true
		}
		line = rest[1:]
	}
}

// quoted reads up to the closing quotation mark; two stand for one.
func quoted(s []byte) (field string, rest []byte, closed bool) {
	var b []byte
	for {
		end := bytes.IndexByte(s, '"')
		if end < 0 {
			return "", nil, false
		}
		if end+1 < len(s) && s[end+1] == '"' {
			b = append(b, s[:end+1]...)
			s = s[end+2:]
			continue
		}
		if b == nil {
			return string(s[:end]), s[end+1:], true
		}
		return string(append(b, s[:end]...)), s[end+1:], true
	}
}

// lines reads a file line by line, with a look ahead, and bounds their length.
type lines struct {
	from   *bufio.Reader
	number int // of the line given last
	queue  []queued
}

type queued struct {
	text []byte
	long bool
	err  error
}

// next gives the next line that is not empty, without its end, and its number
// from 1. The text is good until the next call.
func (l *lines) next() (text []byte, number int, long bool, err error) {
	for {
		var q queued
		if len(l.queue) > 0 {
			q, l.queue = l.queue[0], l.queue[1:]
		} else {
			q = l.read()
		}
		if q.err != nil {
			return nil, 0, false, q.err
		}
		l.number++
		if len(q.text) > 0 || q.long {
			return q.text, l.number, q.long, nil
		}
	}
}

// ahead gives the line n after the next without taking it.
func (l *lines) ahead(n int) ([]byte, bool) {
	for len(l.queue) <= n {
		q := l.read()
		q.text = slices.Clone(q.text)
		l.queue = append(l.queue, q)
		if q.err != nil {
			break
		}
	}
	if n >= len(l.queue) || l.queue[n].err != nil || l.queue[n].long {
		return nil, false
	}
	return l.queue[n].text, true
}

// drop takes the next n lines.
func (l *lines) drop(n int) {
	l.queue = l.queue[n:]
	l.number += n
}

func (l *lines) read() queued {
	text, err := l.from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.from.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return queued{err: fmt.Errorf("read the extract: %w", err)}
		}
		return queued{long: true}
	}
	if err != nil && (len(text) == 0 || !errors.Is(err, io.EOF)) {
		if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("read the extract: %w", err)
		}
		return queued{err: err}
	}
	return queued{text: bytes.TrimRight(text, "\r\n")}
}
