package check

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Skew is how far a sender's clock may be ahead of ours before a time counts
// as one in the future.
const Skew = 2 * time.Minute

// earliest is the first time an incident may have happened. Offences of long
// ago are reported today; those before living memory are slips of a key.
var earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// Limits on what one record may hold, in characters and entries. They are
// those of schemas/api/incident.schema.json.
const (
	MaxReference = 64
	MaxCode      = 40
	MaxShort     = 200
	MaxLong      = 500
	MaxSummary   = 10000
	MaxList      = 50
	MaxPersons   = 100
	MaxRevision  = 1_000_000
)

// Rules judge the incidents of one submission.
type Rules struct {
	// Force is who sends. A record that names another is rejected.
	Force string
	// Now is the time of receipt, against which "in the future" is meant.
	Now time.Time
}

// Check brings the incident into its canonical form (texts trimmed and in
// Unicode's composed form, times in UTC) and notes what is wrong with it. A
// field that has a finding already is passed over.
func (r Rules) Check(i *casework.Incident, f *Findings) {
	r.key(i, f)
	r.circumstances(i, f)
	if len(i.Persons) == 0 {
		f.Add("/persons", NoPersons, "")
	}
	if len(i.Persons) > MaxPersons {
		f.Add("/persons", TooMany, strconv.Itoa(MaxPersons))
		return
	}
	i.Redacted = len(i.Persons) > 0
	for n := range i.Persons {
		r.person(&i.Persons[n], f, Pointer("/persons", n))
		if i.Persons[n].Named() {
			i.Redacted = false
		}
	}
	if len(i.Relationships) > MaxList {
		f.Add("/relationships", TooMany, strconv.Itoa(MaxList))
	}
	for n := range i.Relationships {
		rel := &i.Relationships[n]
		for _, end := range []struct {
			field string
			value int
		}{{"from", rel.From}, {"to", rel.To}} {
			if end.value < 1 || end.value > len(i.Persons) {
				f.Add(Pointer("/relationships", n, end.field), OutOfRange, "that counts one of the persons, from 1")
			}
		}
		text(&rel.Kind, f, Pointer("/relationships", n, "kind"), MaxCode, required)
	}
}

func (r Rules) key(i *casework.Incident, f *Findings) {
	switch {
	case i.Force == "":
		f.Add("/force", Missing, "")
	case i.Force != r.Force:
		f.Add("/force", AnotherForce, "")
	}
	i.Reference = canonical(i.Reference)
	switch {
	case i.Reference == "":
		f.Add("/reference", NoReference, "")
	case !GoodReference(i.Reference):
		f.Add("/reference", BadReference, "")
	}
	switch {
	case i.Revision == 0:
		f.Add("/revision", Missing, "")
	case i.Revision < 1 || i.Revision > MaxRevision:
		f.Add("/revision", OutOfRange, "from 1 to "+strconv.Itoa(MaxRevision))
	}
	code(string(i.Status), f, "/status", required, "live", "withdrawn")
	code(string(i.Kind), f, "/kind", required, "arrest", "incident")
}

func (r Rules) circumstances(i *casework.Incident, f *Findings) {
	text(&i.Type, f, "/type", MaxShort, required)
	r.time(&i.ReportedAt, f, "/reportedAt", required)
	r.time(&i.OccurredFrom, f, "/occurredFrom", required)
	r.time(&i.OccurredTo, f, "/occurredTo", optional)
	if !i.OccurredTo.IsZero() && i.OccurredTo.Before(i.OccurredFrom) && !f.Has("/occurredFrom") {
		f.Add("/occurredTo", EndsBeforeStart, "")
	}
	code(string(i.DASH), f, "/dash", optional, "standard", "medium", "high")
	texts(&i.Factors, f, "/factors", MaxCode)
	for n, factor := range i.Factors {
		if !slug(factor) {
			f.Add(Pointer("/factors", n), UnknownCode, "alcohol, drugs, mental-health, weapon, or another code in small letters and dashes")
		}
	}
	text(&i.Location.Text, f, "/location/text", MaxLong, optional)
	text(&i.Location.Postcode, f, "/location/postcode", MaxCode, optional)
	text(&i.Location.LSOA, f, "/location/lsoa", MaxCode, optional)
	if i.Location.Latitude < -90 || i.Location.Latitude > 90 {
		f.Add("/location/latitude", OutOfRange, "from -90 to 90")
	}
	if i.Location.Longitude < -180 || i.Location.Longitude > 180 {
		f.Add("/location/longitude", OutOfRange, "from -180 to 180")
	}
	texts(&i.ActionsTaken, f, "/actionsTaken", MaxShort)
	text(&i.Summary, f, "/summary", MaxSummary, optional)
	text(&i.ReportedBy, f, "/reportedBy", MaxLong, optional)
	text(&i.Classification, f, "/classification", MaxShort, optional)
	text(&i.Officer, f, "/officer", MaxShort, optional)
	if i.NSIR != nil {
		text(&i.NSIR.Opening, f, "/nsir/opening", MaxShort, optional)
		text(&i.NSIR.Closing, f, "/nsir/closing", MaxShort, optional)
	}
}

func (r Rules) person(v *casework.Involvement, f *Findings, at string) {
	code(string(v.Role), f, at+"/role", required, "arrested", "suspect", "victim", "witness", "child", "other")
	text(&v.Surname, f, at+"/surname", MaxShort, optional)
	text(&v.Forenames, f, at+"/forenames", MaxShort, optional)
	texts(&v.AlsoKnownAs, f, at+"/alsoKnownAs", MaxShort)
	if d := v.DateOfBirth; !d.IsZero() {
		if d.Year < 1880 {
			f.Add(at+"/dateOfBirth", BadDate, "a day since 1880")
		} else if d.Time().After(r.Now.Add(24 * time.Hour)) {
			f.Add(at+"/dateOfBirth", InTheFuture, "")
		}
	}
	code(string(v.Sex), f, at+"/sex", optional, "M", "F", "U", "X")
	text(&v.PNC, f, at+"/pnc", MaxCode, optional)
	text(&v.CRO, f, at+"/cro", MaxCode, optional)
	text(&v.Address, f, at+"/address", MaxLong, optional)
	text(&v.Postcode, f, at+"/postcode", MaxCode, optional)
	if a := v.Arrest; a != nil {
		text(&a.ASN, f, at+"/arrest/asn", MaxCode, optional)
		r.time(&a.ArrestedAt, f, at+"/arrest/arrestedAt", optional)
		text(&a.Offence, f, at+"/arrest/offence", MaxShort, optional)
		text(&a.Disposal, f, at+"/arrest/disposal", MaxShort, optional)
	}
}

const (
	required = true
	optional = false
)

func (r Rules) time(t *time.Time, f *Findings, at string, need bool) {
	if t.IsZero() {
		if need {
			f.Add(at, Missing, "")
		}
		return
	}
	*t = t.UTC()
	switch {
	case t.After(r.Now.Add(Skew)):
		f.Add(at, InTheFuture, "")
	case t.Before(earliest):
		f.Add(at, BadTime, "a time since 1900")
	}
}

func code(value string, f *Findings, at string, need bool, allowed ...string) {
	if value == "" {
		if need {
			f.Add(at, Missing, "")
		}
		return
	}
	for _, a := range allowed {
		if a == value {
			return
		}
	}
	f.Add(at, UnknownCode, strings.Join(allowed, ", "))
}

func text(s *string, f *Findings, at string, limit int, need bool) {
	if *s == "" {
		if need {
			f.Add(at, Missing, "")
		}
		return
	}
	*s = canonical(*s)
	switch {
	case *s == "" && need:
		f.Add(at, Missing, "")
	case !utf8.ValidString(*s):
		f.Add(at, BadEncoding, "UTF-8")
	case len(*s) > limit && utf8.RuneCountInString(*s) > limit:
		f.Add(at, TooLong, strconv.Itoa(limit))
	case strings.ContainsFunc(*s, control):
		f.Add(at, ControlCharacter, "")
	}
}

func texts(list *[]string, f *Findings, at string, limit int) {
	if len(*list) > MaxList {
		f.Add(at, TooMany, strconv.Itoa(MaxList))
		return
	}
	for n := range *list {
		text(&(*list)[n], f, Pointer(at, n), limit, required)
	}
	if len(*list) == 0 {
		*list = nil // an empty list and none are the same incident
	}
}

// canonical trims a text and composes its accents, so that the same name typed
// on two systems is the same bytes.
func canonical(s string) string {
	if norm.NFC.IsNormalString(s) {
		return strings.TrimSpace(s)
	}
	return strings.TrimSpace(norm.NFC.String(s))
}

// control finds characters that have no business in a text. The second range
// is what a text in Windows-1252 turns into when it is read as Latin-1.
func control(c rune) bool {
	return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c >= 0x7f && c < 0xa0
}

// slug says of a factor that it looks like a code.
func slug(s string) bool {
	for n, c := range s {
		if !(c >= 'a' && c <= 'z' || n > 0 && (c == '-' || c >= '0' && c <= '9')) {
			return false
		}
	}
	return s != "" && len(s) <= MaxCode
}

// GoodReference says that a reference can stand in a receipt, a log and a URL.
// Forces' references are letters, digits and separators; anything else is most
// likely a column that has slipped, and might be a name.
func GoodReference(s string) bool {
	for n, c := range s {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case n > 0 && strings.ContainsRune("/-_.:# ", c):
		default:
			return false
		}
	}
	return s != "" && len(s) <= MaxReference
}
