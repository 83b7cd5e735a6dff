package csvfile

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/reportable-incidents/reportable/services/feed/check"
)

// encodings are those a mapping may name. Nil is read as it stands.
var encodings = map[string]encoding.Encoding{
	"utf-8":        nil,
	"utf-16":       unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
	"windows-1252": charmap.Windows1252,
	"iso-8859-1":   charmap.ISO8859_1,
	"iso-8859-15":  charmap.ISO8859_15,
}

const (
	maxRow   = 256 << 10 // bytes of one row
	maxLines = 50        // lines that one quoted field may span
)

// row is one row of the file.
type row struct {
	line  int // of its start, from 1
	cells []string
	code  check.Code // why it cannot be read, or empty
}

// rows reads a CSV as forces write it. Unlike encoding/csv it goes on after a
// broken row, and a quotation mark that is never closed costs one row and not
// the memory of all that follow.
type rows struct {
	in    *bufio.Reader
	comma rune
	line  int
	back  []string // lines read ahead in search of a closing quotation mark
}

// newRows decodes in by the mapping. It refuses a file that starts with the
// mark of another encoding than the mapping's.
func newRows(in io.Reader, m *Mapping) (*rows, bool) {
	raw := bufio.NewReaderSize(in, 64<<10)
	mark, _ := raw.Peek(3)
	utf8Mark := bytes.HasPrefix(mark, []byte("\xef\xbb\xbf"))
	utf16Mark := bytes.HasPrefix(mark, []byte("\xff\xfe")) || bytes.HasPrefix(mark, []byte("\xfe\xff"))
	if utf8Mark && m.Encoding != "utf-8" || utf16Mark && m.Encoding != "utf-16" {
		return nil, false
	}
	if utf8Mark {
		raw.Discard(3)
	}
	r := &rows{in: raw, comma: m.comma}
	if enc := encodings[m.Encoding]; enc != nil {
		r.in = bufio.NewReaderSize(transform.NewReader(raw, enc.NewDecoder()), 64<<10)
	}
	return r, true
}

// next gives the next row that is not blank, or io.EOF.
func (r *rows) next() (row, error) {
	for {
		start, large, err := r.read()
		if err != nil {
			return row{}, err
		}
		at := r.line
		if large {
			return row{line: at, code: check.TooLarge, cells: guess(start, r.comma)}, nil
		}
		if strings.TrimSpace(start) == "" {
			continue
		}
		cells, open, bad := split(start, r.comma)
		if !open && !bad {
			if blank(cells) {
				continue
			}
			return row{line: at, cells: cells}, nil
		}
		if open {
			if cells, ok := r.longer(start); ok {
				return row{line: at, cells: cells}, nil
			}
		}
		return row{line: at, code: check.Quotes, cells: guess(start, r.comma)}, nil
	}
}

// longer tries to close a quoted field with the lines that follow. If that does
// not give a row, the lines go back.
func (r *rows) longer(start string) ([]string, bool) {
	var ahead []string
	whole := start
	line := r.line
	for len(ahead) < maxLines && len(whole) < maxRow {
		next, large, err := r.read()
		if err != nil || large {
			break
		}
		ahead = append(ahead, next)
		whole += "\n" + next
		cells, open, bad := split(whole, r.comma)
		if bad {
			break
		}
		if !open {
			return cells, true
		}
	}
	r.back = append(ahead, r.back...)
	r.line = line
	return nil, false
}

// read gives one line without its end. Of a line that is too long it gives the start.
func (r *rows) read() (line string, large bool, err error) {
	if len(r.back) > 0 {
		line, r.back = r.back[0], r.back[1:]
		r.line++
		return line, false, nil
	}
	var b []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(b)+len(part) > maxRow {
			large = true
		} else {
			b = append(b, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(b) == 0 && !large {
			return "", false, io.EOF
		}
		if err != nil && err != io.EOF {
			return "", false, err
		}
		r.line++
		return string(bytes.TrimRight(b, "\r\n")), large, nil
	}
}

// split parts a row at the delimiter. Open says that a quoted field goes on
// after its end, bad that something follows a closed quotation mark.
func split(s string, comma rune) (cells []string, open, bad bool) {
	sep := string(comma)
	for {
		if !strings.HasPrefix(s, `"`) {
			cell, rest, more := strings.Cut(s, sep)
			cells = append(cells, cell)
			if !more {
				return cells, false, false
			}
			s = rest
			continue
		}
		var cell strings.Builder
		s = s[1:]
		for {
			end := strings.IndexByte(s, '"')
			if end < 0 {
				return cells, true, false
			}
			cell.WriteString(s[:end])
			s = s[end+1:]
			if !strings.HasPrefix(s, `"`) {
				break
			}
			cell.WriteByte('"')
			s = s[1:]
		}
		cells = append(cells, cell.String())
		if s == "" {
			return cells, false, false
		}
		if !strings.HasPrefix(s, sep) {
			return cells, false, true
		}
		s = s[len(sep):]
	}
}

// guess parts a broken row as if it had no quotation marks, in the hope that
// its first columns, and the reference among them, come out right.
func guess(s string, comma rune) []string {
	cells := strings.Split(s[:min(len(s), 4096)], string(comma))
	for n := range cells {
		cells[n] = strings.Trim(cells[n], `"`)
	}
	return cells
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// sound says that a cell was decoded without loss: no bytes outside the
// encoding, and none that Windows-1252 leaves without a meaning.
func sound(cell string) bool {
	for _, c := range cell {
		if c == utf8.RuneError || c >= 0x80 && c < 0xa0 {
			return false
		}
	}
	return true
}
