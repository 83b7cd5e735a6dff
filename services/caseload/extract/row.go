package extract

import (
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/reportable-incidents/reportable/services/casework"
)

// fields are one row as it was given, by our names of the columns.
type fields struct {
	row     int
	values  map[string]string // of NDJSON, where each row has its own
	index   map[string]int    // of a CSV: the place of each column in every record
	record  []string
	broken  string // why the row as a whole could not be read, if it could not
	mapping *Mapping
}

// value is what stands in a column, and whether the row has it.
func (f *fields) value(column string) (string, bool) {
	if f.index == nil {
		s, ok := f.values[column]
		return s, ok
	}
	i, ok := f.index[column]
	if !ok || i >= len(f.record) {
		return "", false
	}
	return f.record[i], true
}

// given says whether anything stands in a column.
func (f *fields) given(column string) bool {
	s, _ := f.value(column)
	return s != ""
}

// what says a problem in plain words, and what is to be done about it.
var what = map[string][2]string{
	"quotes":       {"Quotation marks stand where they may not, so that the row cannot be parted into columns.", "Put the whole field into quotation marks and double those inside it."},
	"columns":      {"The row has not as many columns as the heading.", "Give every column, empty where there is nothing to say."},
	"long":         {"The row is longer than a mebibyte.", "Look for a missing line end."},
	"json":         {"The line is not one JSON object.", "Give one JSON object on each line."},
	"type":         {"The value is not of the type that the column has.", "Give text, or a list of texts."},
	"missing":      {"The column is empty.", "Give a value."},
	"crn":          {"The value is not a CRN.", "Give one or two letters and six digits."},
	"duplicate":    {"The CRN stands in an earlier row too; that row was taken.", "Give each CRN once."},
	"date":         {"The value is not a day that exists.", "Give the date as YYYY-MM-DD."},
	"before_birth": {"The date is before the date of birth.", "Correct one of the two dates."},
	"order":        {"Supervision ends before it starts.", "Correct one of the two dates."},
	"code":         {"The value is not one of the codes of this column.", "Use a code of the list that the column has."},
	"form":         {"The value does not have the form of a code.", "Use letters, digits, hyphens and underscores, at most 40."},
	"yes_no":       {"The value is neither Y nor N.", "Give Y or N."},
	"mappa":        {"The value is not a MAPPA category and level.", "Give category 1 to 4, a slash and level 1 to 3, such as 2/1."},
	"too_long":     {"The value is longer than the column allows.", "Shorten it."},
	"too_many":     {"The list has more values than the column allows.", "Give at most 100."},
	"email":        {"The value is not an e-mail address.", "Give one address alone, without a name."},
	"unknown":      {"The code is not one that the register has.", "Import the extract that has it first, or correct the code."},
	"role":         {"The row has no code of staff or place that goes with its role.", "Give staff_code and pdu_code for staff, pdu_code for a mailbox, region_code for duty officers."},
	"twice":        {"An earlier row gives the same member of staff or mailbox; that row was taken.", "Give each once."},
	"time":         {"The value is not a time on the clock of London.", "Give it as 2026-11-20T17:00, or with its offset."},
	"shift":        {"The shift does not end after it begins.", "Correct one of the two times."},
	"encoding":     {"The value is not valid UTF-8, or holds control characters.", "Save the extract as UTF-8."},
	"merge":        {"The case is given as merged with itself.", "Give the CRN of the other case."},
}

func problem(row int, column, code string) Problem {
	w, ok := what[code]
	if !ok {
		panic("caseload: no words for the problem " + code)
	}
	return Problem{Row: row, Column: column, Code: code, Message: w[0], Action: w[1]}
}

// reading reads the columns of one row, and gathers what is wrong with them.
type reading struct {
	*fields
	problems []Problem
}

func (r *reading) reject(column, code string) {
	r.problems = append(r.problems, problem(r.row, column, code))
}

// caseRow reads the row. Where there are problems, it holds what could be read,
// so that the person it is about is not taken for absent.
func (f *fields) caseRow() (casework.CaseRow, []Problem) {
	r := &reading{fields: f}
	row := casework.CaseRow{Row: f.row}
	if f.broken != "" {
		r.reject("", f.broken)
		crn, _ := f.value("crn")
		row.CRN, _ = casework.ParseCRN(crn)
		return row, r.problems
	}
	r.identity(&row)
	row.Ended = r.yes("ended")
	row.MergedInto = r.crn("merged_into", false)
	for _, s := range r.list("merged_from") {
		crn, err := casework.ParseCRN(s)
		if err != nil {
			r.reject("merged_from", "crn")
			continue
		}
		row.MergedFrom = append(row.MergedFrom, crn)
	}
	if row.CRN != "" && (row.MergedInto == row.CRN || slices.Contains(row.MergedFrom, row.CRN)) {
		r.reject("merged_into", "merge")
	}
	if row.Ended || row.MergedInto != "" {
		return row, r.problems // the rest of the row may be empty
	}
	r.supervision(&row)
	r.circumstances(&row)
	row.ExcludedUsers = r.users("excluded_users")
	row.RestrictedTo = r.users("restricted_to")
	return row, r.problems
}

func (r *reading) identity(row *casework.CaseRow) {
	row.CRN = r.crn("crn", true)
	row.Surname = r.text("surname", 200)
	row.Forenames = r.text("forenames", 200)
	if row.Surname == "" && row.Forenames == "" && !r.given("ended") && !r.given("merged_into") {
		r.reject("surname", "missing")
	}
	row.Aliases = r.list("aliases")
	row.DateOfBirth = r.date("date_of_birth")
	row.Sex = casework.Sex(r.oneOf("sex", "M", "F", "U", "X"))
	row.PNCs, row.CROs = r.list("pnc"), r.list("cro")
	// Identifiers are kept as they are: one that fails its check letter is
	// evidence of a typing error, and the matcher says so.
	row.NOMS = r.text("noms", 40)
	row.Address, row.Postcode = r.text("address", 500), r.text("postcode", 20)
	for _, p := range r.list("previous_postcodes") {
		row.Previous = append(row.Previous, casework.Place{Postcode: p})
	}
}

func (r *reading) supervision(row *casework.CaseRow) {
	row.PDU, row.Team = r.id("pdu_code", true), r.id("team_code", true)
	row.Practitioner, row.Manager, row.HeadCode = r.id("practitioner_code", false), r.id("manager_code", false), r.id("head_code", false)
	row.PDUName, row.TeamName = r.text("pdu", 200), r.text("team", 200)
	row.Region = r.id("region_code", false)
	row.PractitionerName, row.ManagerName, row.HeadName = r.text("practitioner", 200), r.text("manager", 200), r.text("head", 200)
	row.PractitionerGrade, row.ManagerGrade = r.text("practitioner_grade", 40), r.text("manager_grade", 40)
	row.PractitionerEmail, row.ManagerEmail, row.HeadEmail = r.email("practitioner_email"), r.email("manager_email"), r.email("head_email")
	row.EmailDomain = r.text("staff_email_domain", 200)
	row.OrderType = r.id("order_type", false)
	row.SentenceDate = r.date("sentence_date")
	row.SupervisionStart, row.SupervisionEnd = r.date("supervision_start"), r.date("supervision_end")
	row.RoSH = casework.RoSH(r.oneOf("rosh", "low", "medium", "high", "very_high"))
	row.MAPPA = r.mappa()
	for _, code := range r.list("registers") {
		if !codeForm.MatchString(code) {
			r.reject("registers", "form")
			break
		}
		if code = casework.RegisterCode(code); !slices.Contains(row.Registers, code) {
			row.Registers = append(row.Registers, code)
		}
	}
	row.Restricted = r.yes("restricted")
	row.VictimContact = r.oneOf("victim_contact", "vlo", "daso")
	born := row.DateOfBirth
	if !row.SentenceDate.IsZero() && born.Known() && row.SentenceDate.Before(born) {
		r.reject("sentence_date", "before_birth")
	}
	if !row.SupervisionStart.IsZero() && born.Known() && row.SupervisionStart.Before(born) {
		r.reject("supervision_start", "before_birth")
	}
	if s, e := row.SupervisionStart, row.SupervisionEnd; !s.IsZero() && !e.IsZero() && e.Before(s) {
		r.reject("supervision_end", "order")
	}
}

func (r *reading) circumstances(row *casework.CaseRow) {
	c := &row.Circumstances
	c.Custody, c.Recalled = r.yes("custody"), r.yes("recalled")
	c.UnlawfullyAtLarge, c.Warrant = r.yes("unlawfully_at_large"), r.yes("warrant")
	c.Scheme = r.oneOf("scheme", "reset", "impact")
	c.Licence, c.Zones = r.list("licence_conditions"), r.list("exclusion_zones")
	c.CivilOrders, c.Bail = r.list("civil_orders"), r.list("bail")
	c.Victims, c.Children = r.list("victims"), r.list("children")
}

// raw is the value without spaces around it; nothing if it cannot be text.
func (r *reading) raw(column string) string {
	s, ok := r.value(column)
	if !ok || s == "" {
		return ""
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, control) {
		r.reject(column, "encoding")
		return ""
	}
	return strings.TrimSpace(s)
}

// control says which characters cannot be meant. A line end within an address can.
func control(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t' }

func (r *reading) text(column string, longest int) string {
	s := r.raw(column)
	if utf8.RuneCountInString(s) > longest {
		r.reject(column, "too_long")
		return ""
	}
	if strings.ContainsAny(s, "\r\n\t") {
		s = strings.Join(strings.Fields(s), " ")
	}
	return s
}

func (r *reading) list(column string) []string {
	s := r.raw(column)
	if s == "" {
		return nil
	}
	var all []string
	for v := range strings.SplitSeq(s, r.mapping.listSeparator()) {
		v = strings.TrimSpace(v)
		if utf8.RuneCountInString(v) > 300 {
			r.reject(column, "too_long")
			return nil
		}
		if v != "" {
			all = append(all, v)
		}
	}
	if len(all) > 100 {
		r.reject(column, "too_many")
		return nil
	}
	return all
}

func (r *reading) crn(column string, needed bool) string {
	s := r.raw(column)
	if s == "" {
		if needed && !r.rejected(column) {
			r.reject(column, "missing")
		}
		return ""
	}
	crn, err := casework.ParseCRN(s)
	if err != nil {
		r.reject(column, "crn")
		return ""
	}
	return crn
}

func (r *reading) rejected(column string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Column == column })
}

var codeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// id reads a code of the case record's own: a PDU, a team, a member of staff.
func (r *reading) id(column string, needed bool) string {
	s := r.mapping.code(column, r.raw(column))
	switch {
	case s == "" && needed && !r.rejected(column):
		r.reject(column, "missing")
	case s != "" && !codeForm.MatchString(s):
		r.reject(column, "form")
		return ""
	}
	return s
}

// email reads one address of a kind that a mail server may be given.
func (r *reading) email(column string) string {
	s := r.text(column, 254)
	if s == "" {
		return ""
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.reject(column, "email")
		return ""
	}
	return s
}

func (r *reading) oneOf(column string, codes ...string) string {
	s := r.mapping.code(column, r.raw(column))
	if s != "" && !slices.Contains(codes, s) {
		r.reject(column, "code")
		return ""
	}
	return s
}

func (r *reading) yes(column string) bool {
	switch r.mapping.code(column, r.raw(column)) {
	case "Y", "y":
		return true
	case "N", "n", "":
		return false
	}
	r.reject(column, "yes_no")
	return false
}

func (r *reading) date(column string) casework.Date {
	s := r.raw(column)
	if s == "" {
		return casework.Date{}
	}
	if layout := r.mapping.dateLayout(); layout != "" {
		t, err := time.Parse(layout, s)
		if err != nil {
			r.reject(column, "date")
			return casework.Date{}
		}
		return casework.DateOf(t)
	}
	d, err := casework.ParseDate(s)
	if err != nil || d.Year < 1850 || d.Year > 2200 || (column != "date_of_birth" && !d.Known()) {
		r.reject(column, "date")
		return casework.Date{}
	}
	return d
}

func (r *reading) mappa() casework.MAPPA {
	s := r.raw("mappa")
	if s == "" {
		return casework.MAPPA{}
	}
	c, l, ok := strings.Cut(s, "/")
	category, err1 := strconv.Atoi(c)
	level, err2 := strconv.Atoi(l)
	if !ok || err1 != nil || err2 != nil || category < 1 || category > 4 || level < 1 || level > 3 {
		r.reject("mappa", "mappa")
		return casework.MAPPA{}
	}
	return casework.MAPPA{Category: category, Level: level}
}

// users reads a list of users, each with a day until which it holds, if any:
// a.jones@2026-03-31. The day itself is included.
func (r *reading) users(column string) []casework.UserLimit {
	var all []casework.UserLimit
	for _, s := range r.list(column) {
		u := casework.UserLimit{Subject: s}
		if who, until, ok := cutLast(s, "@"); ok {
			if d, err := casework.ParseDate(until); err == nil && d.Known() {
				u.Subject = who
				u.Until = d.Time().AddDate(0, 0, 1)
			}
		}
		all = append(all, u)
	}
	return all
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
