// Package check says what an incident must satisfy to be accepted, and puts
// into words what is wrong with one that does not.
//
// The formats (canonical, csvfile) read a record and note what they could not
// read; [Rules.Check] then judges the incident as a whole. Both add to the same
// [Findings], so that a field is complained of once, at its place in the file
// that the force sent. No finding repeats a value: receipts are kept for ever,
// and values may be names.
package check

import (
	"strconv"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Code names a kind of problem. The list is part of the contract with forces:
// codes are added, never changed.
type Code string

const (
	Malformed        Code = "malformed"
	WrongType        Code = "wrong_type"
	Missing          Code = "missing"
	UnknownCode      Code = "unknown_code"
	NoOffset         Code = "no_offset"
	BadTime          Code = "bad_time"
	BadDate          Code = "bad_date"
	InTheFuture      Code = "in_the_future"
	EndsBeforeStart  Code = "ends_before_start"
	NoSuchLocalTime  Code = "no_such_local_time"
	TwoSuchTimes     Code = "ambiguous_local_time"
	TooLong          Code = "too_long"
	TooMany          Code = "too_many"
	TooLarge         Code = "too_large"
	OutOfRange       Code = "out_of_range"
	BadEncoding      Code = "bad_encoding"
	ControlCharacter Code = "control_character"
	AnotherForce     Code = "another_force"
	NoPersons        Code = "no_persons"
	NoReference      Code = "no_reference"
	BadReference     Code = "bad_reference"
	BadVersion       Code = "bad_version"
	RepeatedField    Code = "repeated_field"
	Unequal          Code = "rows_disagree"
	Columns          Code = "wrong_columns"
	Quotes           Code = "broken_quotes"
	Conflict         Code = "conflict"
	EndsEarly        Code = "ends_early"
	Empty            Code = "empty"
	BadID            Code = "bad_id"
	WrongKind        Code = "not_of_this_kind"
	OneOfTwo         Code = "one_of_two"
	UnknownEnquiry   Code = "unknown_enquiry"
	UnknownEntry     Code = "unknown_entry"
)

// words are what a person reads: what is wrong, and what to do. %s is the
// detail that the finder gave: allowed values, a limit, an expected type.
var words = map[Code][2]string{
	Malformed:        {"The record is not valid JSON%s.", "Correct the record and send it again."},
	WrongType:        {"The value has the wrong type.", "Send %s."},
	Missing:          {"A required value is missing.", "Add the value and send the record again."},
	UnknownCode:      {"The value is not one of the agreed codes.", "Use one of: %s."},
	NoOffset:         {"The time has no offset from UTC.", "Send the time with its offset, such as 2018-10-21T16:20:00+01:00."},
	BadTime:          {"The value is not a time that exists, in the agreed form.", "Send the time as %s."},
	BadDate:          {"The value is not a date that exists, in the agreed form.", "Send the date as %s, or leave it empty if it is not known."},
	InTheFuture:      {"The time is in the future.", "Check the clock and the time zone of the sending system, correct the time and send the record again."},
	EndsBeforeStart:  {"The incident ends before it starts.", "Correct the start or the end and send the record again."},
	NoSuchLocalTime:  {"No such local time existed: the clocks went forward over it.", "Correct the time, or send times with their offset from UTC."},
	TwoSuchTimes:     {"This local time happened twice: the clocks went back over it.", "Send times with their offset from UTC, or have the mapping say which of the two is meant."},
	TooLong:          {"The text is too long.", "Shorten it to %s characters at most."},
	TooMany:          {"The list is too long.", "Send %s entries at most."},
	TooLarge:         {"The record is too large.", "Keep a record under %s."},
	OutOfRange:       {"The number is out of range.", "Send a number %s."},
	BadEncoding:      {"The text holds bytes that do not belong to its encoding.", "Export the file as %s and send the record again."},
	ControlCharacter: {"The text holds a control character.", "Remove the control characters and send the record again."},
	AnotherForce:     {"The record names another force than the one that sent it.", "Send your own force's incidents only, with your own force code."},
	NoPersons:        {"The incident names nobody involved.", "Add everyone involved; an incident without persons cannot concern anyone on probation."},
	NoReference:      {"The record has no reference.", "Add the force's reference of the incident and send it again."},
	BadReference:     {"The reference has characters that references do not have.", "Use letters, digits, spaces and / - _ . : # only, 64 at most, starting with a letter or digit."},
	BadVersion:       {"The version cannot be read, so it is not known which revision this row belongs to.", "Send the version as a whole number from 1, and send all rows of the incident again."},
	RepeatedField:    {"The field is given twice in the same object.", "Send the field once."},
	Unequal:          {"The row says something else of the incident than the rows before it.", "Make the incident's columns the same in all of its rows, or raise the version."},
	Columns:          {"The row has not as many columns as the heading.", "Quote fields that hold the delimiter or a line break, and send all rows of the incident again."},
	Quotes:           {"The row has a quotation mark that is not closed.", "Close the quotation mark and double those inside a quoted field, and send all rows of the incident again."},
	Conflict:         {"This revision was received before with other contents, which stand. This one is kept aside.", "If the facts have changed, send them as a new revision. If the first was wrong, say so and the conflict will be resolved."},
	EndsEarly:        {"The submission ends in the middle of a record.", "Send the submission again from there; records that were accepted will be answered as duplicates."},
	Empty:            {"The submission holds no record.", "Send at least one record."},
	BadID:            {"The value is not an id of the form that is given here.", "Send the id as GET /v1/enquiries or your watch list gave it."},
	WrongKind:        {"Records of this kind have no such field.", "Leave the field out, or correct the kind. The outcome of a disclosure has no place for words."},
	OneOfTwo:         {"One of two fields is needed, and not both.", "Send one of %s: the enquiry by which it was applied for, or the entry of your watch list whom it is about."},
	UnknownEnquiry:   {"No such enquiry was put to your force.", "Send the id that GET /v1/enquiries gave you. A force answers what it was asked itself."},
	UnknownEntry:     {"Your watch list has no such entry.", "Send the id of an entry that is on your watch list today."},
}

// Words puts a code into words.
func Words(code Code, detail string) (message, action string) {
	w := words[code]
	return strings.ReplaceAll(w[0], "%s", detail), strings.ReplaceAll(w[1], "%s", detail)
}

// Problem is a code in words, without a place.
func Problem(code Code, detail string) casework.Problem {
	p := casework.Problem{Code: string(code)}
	p.Message, p.Action = Words(code, detail)
	return p
}

// Findings gathers what is wrong with one record.
type Findings struct {
	Problems []casework.Problem
	// Place turns a JSON pointer into a place in the file that was sent. Nil
	// leaves the pointer as it is.
	Place func(pointer string, p *casework.Problem)

	seen []string
}

// most is how many problems of one record are told. Who has more has other worries.
const most = 20

// Add notes a problem. The first one of a field is the cause; others that
// follow from it would only confuse.
func (f *Findings) Add(pointer string, code Code, detail string) {
	if f.Has(pointer) || len(f.Problems) >= most {
		return
	}
	f.seen = append(f.seen, pointer)
	p := Problem(code, detail)
	if f.Place != nil {
		f.Place(pointer, &p)
	} else {
		p.Pointer = pointer
	}
	f.Problems = append(f.Problems, p)
}

// Has reports whether the field, or what it is part of, was complained of.
func (f *Findings) Has(pointer string) bool {
	for _, s := range f.seen {
		if s == pointer || strings.HasPrefix(pointer, s) && (s == "" || pointer[len(s)] == '/') {
			return true
		}
	}
	return false
}

// Reset makes the findings ready for the next record.
func (f *Findings) Reset() { f.Problems, f.seen = nil, f.seen[:0] }

// Pointer writes a place below another: Pointer("/persons", 2, "role").
func Pointer(base string, parts ...any) string {
	var b strings.Builder
	b.WriteString(base)
	for _, part := range parts {
		b.WriteByte('/')
		switch p := part.(type) {
		case int:
			b.WriteString(strconv.Itoa(p))
		case string:
			b.WriteString(p)
		}
	}
	return b.String()
}

// Codes lists every code, in no order.
func Codes() []Code {
	all := make([]Code, 0, len(words))
	for code := range words {
		all = append(all, code)
	}
	return all
}
