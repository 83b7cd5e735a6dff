package extract

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ndjsonRows reads an extract of one JSON object a line, its members named as
// our columns are, lists as arrays.
type ndjsonRows struct {
	lines   *lines
	first   *fields
	has     map[string]bool
	unknown map[string]bool
	mapping *Mapping
	row     int
}

func openNDJSON(from io.Reader, m *Mapping) (rows, error) {
	r := &ndjsonRows{
		lines:   &lines{from: bufio.NewReaderSize(from, longestLine)},
		has:     map[string]bool{},
		unknown: map[string]bool{},
		mapping: m,
	}
	// The first row says which columns there are: whether an extract tells of
	// merges and users must be known before any row is applied.
	first, err := r.next()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w; it is empty", ErrNotAnExtract)
	}
	if err != nil {
		return nil, err
	}
	if first.broken != "" {
		return nil, fmt.Errorf("%w; its first line is not a JSON object", ErrNotAnExtract)
	}
	for name := range first.values {
		r.has[name] = true
	}
	r.first = first
	return r, nil
}

func (r *ndjsonRows) columns() map[string]bool { return r.has }

func (r *ndjsonRows) ignored() []string {
	var all []string
	for name := range r.unknown {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (r *ndjsonRows) next() (*fields, error) {
	if r.first != nil {
		f := r.first
		r.first = nil
		return f, nil
	}
	line, _, long, err := r.lines.next()
	if err != nil {
		return nil, err
	}
	r.row++
	f := &fields{row: r.row, values: map[string]string{}, mapping: r.mapping}
	if long {
		f.broken = "long"
		return f, nil
	}
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	var members map[string]json.RawMessage
	if json.Unmarshal(line, &members) != nil || members == nil {
		f.broken = "json"
		return f, nil
	}
	for theirs, raw := range members {
		ours, known := r.mapping.column(theirs)
		if !known {
			if len(r.unknown) < 100 {
				r.unknown[columnName(theirs)] = true
			}
			continue
		}
		value, ok := asText(raw, r.mapping.listSeparator())
		if !ok {
			f.broken = "type"
		}
		f.values[ours] = value
	}
	return f, nil
}

// asText gives a JSON value as a CSV would have it.
func asText(raw json.RawMessage, separator string) (string, bool) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return "", false
	}
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		if v {
			return "Y", true
		}
		return "N", true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case []any:
		all := make([]string, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok || strings.Contains(s, separator) {
				return "", false
			}
			all[i] = s
		}
		return strings.Join(all, separator), true
	}
	return "", false
}
