package canonical

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// decoder takes an incident out of a tree, field by field.
type decoder struct {
	found *check.Findings
	drop  func(pattern string)
}

// path is a place in the tree. It is written out only when something is wrong.
type path struct {
	up   *path
	key  string
	item int // from 0, where key is empty
}

func (p *path) String() string {
	if p == nil {
		return ""
	}
	if p.key == "" {
		return check.Pointer(p.up.String(), p.item)
	}
	return check.Pointer(p.up.String(), p.key)
}

// pattern is the place with every position in a list as a star.
func (p *path) pattern() string {
	if p == nil {
		return ""
	}
	if p.key == "" {
		return p.up.pattern() + "/*"
	}
	return p.up.pattern() + "/" + p.key
}

func (d *decoder) wrong(at *path, want string) { d.found.Add(at.String(), check.WrongType, want) }

// object hands each field to take, which says whether it knows it.
func (d *decoder) object(v value, at *path, take func(key string, v value, at *path) bool) {
	if v.kind == isNull {
		return
	}
	if v.kind != isObject {
		d.wrong(at, "an object")
		return
	}
	for n := range v.fields {
		f := &v.fields[n]
		here := path{up: at, key: f.key}
		if !take(f.key, f.value, &here) {
			if !fieldName(f.key) {
				here.key = "(not a name)"
			}
			d.drop(here.pattern())
			continue
		}
		for _, earlier := range v.fields[:n] {
			if earlier.key == f.key {
				d.found.Add(here.String(), check.RepeatedField, "")
				break
			}
		}
	}
}

// list hands each item of an array to take.
func (d *decoder) list(v value, at *path, limit int, take func(v value, at *path)) {
	if v.kind == isNull {
		return
	}
	if v.kind != isArray {
		d.wrong(at, "an array")
		return
	}
	if len(v.items) > limit {
		d.found.Add(at.String(), check.TooMany, strconv.Itoa(limit))
		return
	}
	for n, item := range v.items {
		take(item, &path{up: at, item: n})
	}
}

func (d *decoder) text(v value, at *path) string {
	switch {
	case v.kind == isNull:
	case v.kind != isText:
		d.wrong(at, "a text in quotation marks")
	case v.broken:
		d.found.Add(at.String(), check.BadEncoding, "UTF-8")
	default:
		return v.text
	}
	return ""
}

func (d *decoder) texts(v value, at *path) (all []string) {
	d.list(v, at, check.MaxList, func(v value, at *path) {
		if v.kind == isNull {
			d.wrong(at, "a text in quotation marks")
			return
		}
		all = append(all, d.text(v, at))
	})
	return all
}

func (d *decoder) flag(v value, at *path) bool {
	if v.kind != isBool && v.kind != isNull {
		d.wrong(at, "true or false, without quotation marks")
	}
	return v.yes
}

func (d *decoder) whole(v value, at *path) int {
	if v.kind == isNull {
		return 0
	}
	if v.kind != isNumber {
		d.wrong(at, "a whole number, without quotation marks")
		return 0
	}
	n, err := strconv.Atoi(v.text)
	if err != nil {
		d.wrong(at, "a whole number, without quotation marks")
		return 0
	}
	if n == 0 { // nought is given, not missing
		d.found.Add(at.String(), check.OutOfRange, "from 1")
	}
	return n
}

func (d *decoder) number(v value, at *path) float64 {
	if v.kind == isNull {
		return 0
	}
	n, err := strconv.ParseFloat(v.text, 64)
	if v.kind != isNumber || err != nil || math.IsInf(n, 0) {
		d.wrong(at, "a number, without quotation marks")
		return 0
	}
	return n
}

// example shows the form of a time.
const example = "2018-10-21T16:20:00+01:00"

func (d *decoder) time(v value, at *path) time.Time {
	s := strings.TrimSpace(d.text(v, at))
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err == nil {
		if t.IsZero() { // a real zero would be taken for no time
			d.found.Add(at.String(), check.BadTime, example)
		}
		return t
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if _, err := time.Parse(layout, s); err == nil {
			d.found.Add(at.String(), check.NoOffset, "")
			return time.Time{}
		}
	}
	// Seconds may be left out; forces' systems often do.
	if t, err := time.Parse("2006-01-02T15:04Z07:00", s); err == nil {
		return t
	}
	d.found.Add(at.String(), check.BadTime, example)
	return time.Time{}
}

func (d *decoder) date(v value, at *path) casework.Date {
	s := strings.TrimSpace(d.text(v, at))
	if s == "" {
		return casework.Date{}
	}
	date, err := casework.ParseDate(s)
	if err != nil || date.IsZero() {
		d.found.Add(at.String(), check.BadDate, "1985-06-20")
	}
	return date
}

func (d *decoder) incident(v value, i *casework.Incident) {
	d.object(v, nil, func(key string, v value, at *path) bool {
		switch key {
		case "force":
			i.Force = d.text(v, at)
		case "reference":
			i.Reference = d.text(v, at)
		case "revision":
			i.Revision = d.whole(v, at)
		case "status":
			i.Status = casework.Status(d.text(v, at))
		case "kind":
			i.Kind = casework.Kind(d.text(v, at))
		case "type":
			i.Type = d.text(v, at)
		case "reportedAt":
			i.ReportedAt = d.time(v, at)
		case "occurredFrom":
			i.OccurredFrom = d.time(v, at)
		case "occurredTo":
			i.OccurredTo = d.time(v, at)
		case "domesticAbuse":
			i.DomesticAbuse = d.flag(v, at)
		case "childrenPresent":
			i.ChildrenPresent = d.flag(v, at)
		case "dash":
			i.DASH = casework.DASH(d.text(v, at))
		case "factors":
			i.Factors = d.texts(v, at)
		case "location":
			d.location(v, at, &i.Location)
		case "actionsTaken":
			i.ActionsTaken = d.texts(v, at)
		case "summary":
			i.Summary = d.text(v, at)
		case "persons":
			d.list(v, at, check.MaxPersons, func(v value, at *path) {
				i.Persons = append(i.Persons, d.person(v, at))
			})
		case "relationships":
			d.list(v, at, check.MaxList, func(v value, at *path) {
				i.Relationships = append(i.Relationships, d.relationship(v, at))
			})
		case "reportedBy":
			i.ReportedBy = d.text(v, at)
		case "nsir":
			if v.kind != isNull {
				i.NSIR = d.nsir(v, at)
			}
		case "classification":
			i.Classification = d.text(v, at)
		case "officer":
			i.Officer = d.text(v, at)
		default:
			return false
		}
		return true
	})
}

func (d *decoder) location(v value, at *path, l *casework.Location) {
	d.object(v, at, func(key string, v value, at *path) bool {
		switch key {
		case "text":
			l.Text = d.text(v, at)
		case "postcode":
			l.Postcode = d.text(v, at)
		case "lsoa":
			l.LSOA = d.text(v, at)
		case "latitude":
			l.Latitude = d.number(v, at)
		case "longitude":
			l.Longitude = d.number(v, at)
		default:
			return false
		}
		return true
	})
}

func (d *decoder) person(v value, at *path) (p casework.Involvement) {
	if v.kind == isNull {
		d.wrong(at, "an object")
		return p
	}
	d.object(v, at, func(key string, v value, at *path) bool {
		switch key {
		case "role":
			p.Role = casework.Role(d.text(v, at))
		case "surname":
			p.Surname = d.text(v, at)
		case "forenames":
			p.Forenames = d.text(v, at)
		case "alsoKnownAs":
			p.AlsoKnownAs = d.texts(v, at)
		case "dateOfBirth":
			p.DateOfBirth = d.date(v, at)
		case "sex":
			p.Sex = casework.Sex(d.text(v, at))
		case "pnc":
			p.PNC = d.text(v, at)
		case "cro":
			p.CRO = d.text(v, at)
		case "address":
			p.Address = d.text(v, at)
		case "postcode":
			p.Postcode = d.text(v, at)
		case "arrest":
			if v.kind != isNull {
				p.Arrest = d.arrest(v, at)
			}
		default:
			return false
		}
		return true
	})
	return p
}

func (d *decoder) arrest(v value, at *path) *casework.Arrest {
	var a casework.Arrest
	d.object(v, at, func(key string, v value, at *path) bool {
		switch key {
		case "asn":
			a.ASN = d.text(v, at)
		case "arrestedAt":
			a.ArrestedAt = d.time(v, at)
		case "offence":
			a.Offence = d.text(v, at)
		case "disposal":
			a.Disposal = d.text(v, at)
		default:
			return false
		}
		return true
	})
	return &a
}

func (d *decoder) relationship(v value, at *path) (r casework.Relationship) {
	d.object(v, at, func(key string, v value, at *path) bool {
		switch key {
		case "from":
			r.From = d.whole(v, at)
		case "to":
			r.To = d.whole(v, at)
		case "kind":
			r.Kind = d.text(v, at)
		default:
			return false
		}
		return true
	})
	return r
}

func (d *decoder) nsir(v value, at *path) *casework.NSIR {
	var n casework.NSIR
	d.object(v, at, func(key string, v value, at *path) bool {
		switch key {
		case "opening":
			n.Opening = d.text(v, at)
		case "closing":
			n.Closing = d.text(v, at)
		default:
			return false
		}
		return true
	})
	return &n
}

// fieldName says of an unknown field's name that it is one, and not a value
// that got on the wrong side of the colon.
func fieldName(s string) bool {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 40
}
