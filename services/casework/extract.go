package casework

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// CaseRow is one row of the case-record extract: a person on probation, with
// the names of those who supervise them.
type CaseRow struct {
	// Row is where it stood: the line of a CSV or the position in NDJSON, from 1.
	Row int
	Person
	PDUName           string
	Region            string
	TeamName          string
	PractitionerName  string
	PractitionerGrade string
	PractitionerEmail string
	ManagerName       string
	ManagerGrade      string
	ManagerEmail      string
	HeadCode          string // staff code of the head of PDU
	HeadName          string
	HeadEmail         string
	// EmailDomain is where staff have their mail whose address is not given.
	EmailDomain string
	// Ended says that supervision has ended. Only a delta needs to: in a full
	// extract whoever is absent has.
	Ended bool
	// MergedInto is the CRN that this one has been merged into.
	MergedInto string
	// MergedFrom are CRNs that have been merged into this one.
	MergedFrom []string
	// ExcludedUsers may not see the case; RestrictedTo alone may.
	ExcludedUsers []UserLimit
	RestrictedTo  []UserLimit
	// Rejected marks a row that could not be taken. What it says of who it is
	// about is kept, lest its person be taken for absent.
	Rejected bool
}

// UserLimit is one user of a limited access case.
type UserLimit struct {
	Subject string
	Until   time.Time // zero: without end
}

// LogValue gives a row by its place alone.
func (r CaseRow) LogValue() slog.Value { return slog.IntValue(r.Row) }

// String keeps names out of error texts and test output.
func (r CaseRow) String() string { return fmt.Sprintf("row %d", r.Row) }

// ExtractKind tells a complete extract from one of changes alone.
type ExtractKind string

const (
	FullExtract  ExtractKind = "full"
	DeltaExtract ExtractKind = "delta"
)

// Extract is what an import is told about the file it reads.
type Extract struct {
	Kind ExtractKind
	// Date is the day that the extract shows. It orders extracts, and may not be
	// one to come: nothing of an earlier day could be imported after it.
	Date Date
	// AllowEnded lets the extract end more than 5% of all supervisions.
	AllowEnded bool
	// Merges says that the extract has columns for merges, so that a case which
	// stands on its own in it is merged no longer.
	Merges bool
	// Limits says that the extract lists the users of limited access cases. An
	// extract that does not leaves the lists as they are.
	Limits bool
}

// CaseloadChange is one way in which the register can change.
type CaseloadChange string

const (
	CaseStarted      CaseloadChange = "started"
	CaseEnded        CaseloadChange = "ended"
	CaseIdentity     CaseloadChange = "identity"     // names, birth, sex or identifiers
	CaseMoved        CaseloadChange = "moved"        // address or postcodes
	CaseReallocated  CaseloadChange = "reallocated"  // practitioner, team or PDU
	CaseFlags        CaseloadChange = "flags"        // risk, registers, order and circumstances
	CaseRestrictions CaseloadChange = "restrictions" // limited access
	CaseMerged       CaseloadChange = "merged"
	CaseUnmerged     CaseloadChange = "unmerged"
)

// CaseloadChanges are all of them, in the order in which they are told.
var CaseloadChanges = []CaseloadChange{
	CaseStarted, CaseEnded, CaseIdentity, CaseMoved, CaseReallocated,
	CaseFlags, CaseRestrictions, CaseMerged, CaseUnmerged,
}

// ExtractApplied says what an extract changed.
type ExtractApplied struct {
	// Version is the register's, after the extract.
	Version int64
	// Rows were applied; Rejected were not.
	Rows, Rejected int
	// Supervised is how many people are under supervision now.
	Supervised int
	// Changes counts people by how they changed. One person may count in several.
	Changes map[CaseloadChange]int
	// Changed is how many people changed in any way.
	Changed int
	// Gone are staff who are no longer in a full extract.
	Gone int
	// Qualified are codes that stood for two things in two PDUs, and have the
	// PDU added where the register keeps them.
	Qualified []string
}

// ErrMergeCircle refuses a merge that would lead back to its start.
var ErrMergeCircle = errors.New("the second case is merged into the first already")

// TooManyEnded refuses an extract that would end more supervisions than is
// likely to be true.
type TooManyEnded struct{ Ended, Supervised int }

func (e TooManyEnded) Error() string {
	return fmt.Sprintf("the extract would end %d of %d supervisions, more than 5%%: nothing was changed; if the extract is complete, import it again with --allow-ended", e.Ended, e.Supervised)
}

// ExtractTooOld refuses an extract of an earlier day than the register shows.
type ExtractTooOld struct{ Date, Present Date }

func (e ExtractTooOld) Error() string {
	return fmt.Sprintf("the extract is of %s and the register shows %s already: nothing was changed; import an extract of %s or later, or correct the date with --extract-date", e.Date, e.Present, e.Present)
}

// ExtractToCome refuses an extract of a day that has not begun.
type ExtractToCome struct{ Date Date }

func (e ExtractToCome) Error() string {
	return fmt.Sprintf("the extract's date, %s, is still to come: nothing was changed; give the day that it shows with --extract-date YYYY-MM-DD", e.Date)
}
