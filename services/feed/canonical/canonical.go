// Package canonical reads incidents in the arrangement's own JSON, version 1:
// one object, an array of objects, or an object on each line (NDJSON). It
// reads record by record, so that a body of any size needs the memory of one
// record, and a broken record spoils itself alone.
//
// The fields and their limits are those of schemas/api/incident.schema.json.
// Known fields must have their type; unknown ones are dropped and counted.
package canonical

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// Form is how records follow one another.
type Form int

const (
	Auto  Form = iota // look and decide
	Array             // [ {…}, {…} ]
	Lines             // NDJSON: a line is a record, broken or not
	Value             // one object, over as many lines as it likes
)

// MaxRecord is the most bytes that one record may have.
const MaxRecord = 512 << 10

// Reader reads the records of one submission.
type Reader struct {
	rules   check.Rules
	replies bool // they are read, and not incidents
	split   splitter
	parser  parser
	number  int
	dropped map[string]int
	found   check.Findings
	ended   *casework.Problem
}

// NewReader reads from in and judges by the rules.
func NewReader(in io.Reader, form Form, rules check.Rules) *Reader {
	return &Reader{
		rules: rules,
		split: splitter{in: bufio.NewReaderSize(in, 64<<10), form: form, limit: MaxRecord},
	}
}

// NewReplies reads what a force tells besides incidents: replies to enquiries,
// and outcomes of disclosures.
func NewReplies(in io.Reader, form Form, rules check.Rules) *Reader {
	r := NewReader(in, form, rules)
	r.replies = true
	return r
}

// Dropped says which unknown fields were dropped, and how often.
func (r *Reader) Dropped() map[string]int { return r.dropped }

// Ended says why reading stopped before the submission's end, or nil.
func (r *Reader) Ended() *casework.Problem { return r.ended }

// Next gives the next record, io.EOF after the last one, or the error of the
// stream below.
func (r *Reader) Next() (casework.Record, error) {
	if r.ended != nil {
		return casework.Record{}, io.EOF
	}
	raw, err := r.split.next()
	switch {
	case err == nil:
	case errors.Is(err, errArray):
		r.end(check.Malformed, ": what stands between or after its records does not belong there")
		return casework.Record{}, io.EOF
	case errors.Is(err, errUTF16):
		r.end(check.BadEncoding, "UTF-8")
		return casework.Record{}, io.EOF
	case errors.Is(err, errTooLarge):
		r.number++
		return r.broken(check.TooLarge, strconv.Itoa(MaxRecord>>10)+" KiB"), nil
	case errors.Is(err, errCut):
		r.number++
		r.end(check.EndsEarly, "")
		return r.broken(check.EndsEarly, ""), nil
	default:
		return casework.Record{}, err
	}
	r.number++
	return r.record(raw), nil
}

func (r *Reader) end(code check.Code, detail string) {
	p := check.Problem(code, detail)
	if code == check.Malformed {
		p.Message = "The submission is not valid JSON" + detail + "."
		p.Action = "Correct what follows the last record of this receipt and send the rest again."
	}
	r.ended = &p
}

// broken is a record of which nothing can be read.
func (r *Reader) broken(code check.Code, detail string) casework.Record {
	return casework.Record{Number: r.number, Problems: []casework.Problem{check.Problem(code, detail)}}
}

func (r *Reader) record(raw []byte) casework.Record {
	if !json.Valid(raw) {
		return r.broken(check.Malformed, where(raw))
	}
	tree, err := r.parser.parse(raw)
	if err != nil {
		return r.broken(check.Malformed, ": its values are nested too deeply")
	}
	r.found.Reset()
	rec := casework.Record{Number: r.number}
	if tree.kind != isObject {
		r.found.Add("", check.WrongType, "an object")
		rec.Problems = r.found.Problems
		return rec
	}
	d := decoder{found: &r.found, drop: r.drop}
	if r.replies {
		rec.Reply = new(casework.Reply)
		d.reply(tree, rec.Reply)
		r.rules.CheckReply(rec.Reply, &r.found)
		// Its key stands where an incident's does: the answers are the same.
		rec.Incident = casework.Incident{Force: rec.Reply.Force, Reference: rec.Reply.Reference, Revision: rec.Reply.Revision,
			Status: rec.Reply.Status, Kind: rec.Reply.Kind}
	} else {
		d.incident(tree, &rec.Incident)
		r.rules.Check(&rec.Incident, &r.found)
	}
	rec.Problems = r.found.Problems
	return rec
}

// where says at which byte the record stops being JSON, without quoting it.
func where(raw []byte) string {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(raw, new(json.RawMessage)); errors.As(err, &syntax) {
		if syntax.Offset >= int64(len(bytes.Trim(raw, white))) {
			return ": it breaks off"
		}
		return ", from byte " + strconv.FormatInt(syntax.Offset, 10)
	}
	return ""
}

// drop counts an unknown field by its place. A field's name is the sender's
// text, so only what looks like one is kept, and not without end.
func (r *Reader) drop(pattern string) {
	if r.dropped == nil {
		r.dropped = make(map[string]int)
	}
	if _, known := r.dropped[pattern]; !known && len(r.dropped) >= 100 {
		pattern = "(others)"
	}
	r.dropped[pattern]++
}
