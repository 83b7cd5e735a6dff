package canonical

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// splitter cuts a stream into records without reading them: it follows
// brackets and quotation marks only, so that a broken record costs no more than
// itself and memory is bounded by the longest record allowed.
type splitter struct {
	in    *bufio.Reader
	form  Form
	limit int
	buf   []byte
	begun bool
	done  bool
}

// white is what JSON calls white space, which is less than Unicode does.
const white = " \t\r\n"

var (
	errTooLarge = errors.New("record too large") // the record was skipped; more may follow
	errCut      = errors.New("record cut short") // the stream ended inside the record
	errArray    = errors.New("array not closed") // what stands between the records is not JSON
	errUTF16    = errors.New("not UTF-8")        // the stream starts with UTF-16's mark
)

// next gives the bytes of the next record, valid until the following call, or io.EOF.
func (s *splitter) next() ([]byte, error) {
	if s.done {
		return nil, io.EOF
	}
	if !s.begun {
		s.begun = true
		if err := s.begin(); err != nil {
			s.done = true
			return nil, err
		}
	} else if s.form == Array {
		if err := s.comma(); err != nil {
			s.done = true
			return nil, err
		}
	}
	if s.form == Lines {
		return s.line()
	}
	return s.value()
}

// begin looks at the first bytes and settles the form.
func (s *splitter) begin() error {
	switch mark, _ := s.in.Peek(3); {
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		s.in.Discard(3)
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		return errUTF16
	}
	c, err := s.space()
	if err != nil {
		return err
	}
	if s.form == Lines {
		return nil
	}
	if c == '[' {
		s.form = Array
		s.in.Discard(1)
		c, err := s.space()
		if err == io.EOF {
			return errArray
		}
		if c == ']' {
			s.in.Discard(1)
			return s.end()
		}
		return err
	}
	if s.form == Auto && s.oneLine() {
		s.form = Lines
	}
	return nil
}

// oneLine guesses whether the stream has a record on each line: an object laid
// out over several lines ends its first one with an open bracket or a comma.
func (s *splitter) oneLine() bool {
	head, _ := s.in.Peek(s.in.Size())
	line, _, found := bytes.Cut(head, []byte("\n"))
	if !found {
		return len(head) == s.in.Size() // a long first line; one short line without end is the same either way
	}
	line = bytes.Trim(line, white) // begin has seen that it is not empty
	switch line[len(line)-1] {
	case '{', '[', ',':
		return false
	}
	return true
}

// space skips white space and peeks at what follows.
func (s *splitter) space() (byte, error) {
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, s.in.UnreadByte()
		}
	}
}

// comma passes what stands between two elements of an array, or its end.
func (s *splitter) comma() error {
	c, err := s.space()
	if err == io.EOF {
		return errArray
	}
	if err != nil {
		return err
	}
	s.in.Discard(1)
	switch c {
	case ',':
		c, err := s.space()
		if err == io.EOF || err == nil && c == ']' {
			return errArray
		}
		return err
	case ']':
		return s.end()
	}
	return errArray
}

// end is io.EOF when nothing but space follows the array.
func (s *splitter) end() error {
	if _, err := s.space(); err != nil {
		return err
	}
	return errArray
}

// line reads one line that is not blank.
func (s *splitter) line() ([]byte, error) {
	for {
		s.buf = s.buf[:0]
		large := false
		for {
			part, err := s.in.ReadSlice('\n')
			if len(s.buf)+len(part) > s.limit+2 {
				large = true
			}
			if !large {
				s.buf = append(s.buf, part...)
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err == io.EOF {
				s.done = true
				break
			}
			if err != nil {
				return nil, err
			}
			break
		}
		if large {
			return nil, errTooLarge
		}
		if line := bytes.Trim(s.buf, white); len(line) > 0 {
			return line, nil
		}
		if s.done {
			return nil, io.EOF
		}
	}
}

// value reads one JSON value by its brackets.
func (s *splitter) value() ([]byte, error) {
	if _, err := s.space(); err != nil {
		return nil, err
	}
	s.buf = s.buf[:0]
	var depth int
	var quoted, escaped, large bool
	for {
		c, err := s.in.ReadByte()
		if err == io.EOF {
			s.done = true
			if s.form == Array || depth > 0 || quoted {
				return nil, errCut
			}
			return s.buf, nil
		}
		if err != nil {
			return nil, err
		}
		if !quoted && depth == 0 && (c == ',' || c == ']') && s.form == Array {
			s.in.UnreadByte() // the end of a bare word; an object's end is found below
			break
		}
		if len(s.buf) < s.limit {
			s.buf = append(s.buf, c)
		} else {
			large = true
		}
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted && c == '\n':
			// No JSON string holds a bare line break: a quotation mark is missing.
			// Taking the string to end here keeps the damage to this record.
			quoted = false
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if !quoted && depth <= 0 && (c == '}' || c == ']') {
			break
		}
		if !quoted && depth == 0 && (c == '"' || c == '\n') {
			break
		}
	}
	if large {
		return nil, errTooLarge
	}
	return bytes.Trim(s.buf, white), nil
}
