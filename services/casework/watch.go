package casework

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// WatchFields are what a force may be told of somebody under supervision, if
// policy says so. Nothing that a practitioner has assessed is among them.
var WatchFields = []string{
	"crn", "noms", "surname", "forenames", "aliases", "dateOfBirth", "sex", "pncs", "cros",
	"address", "postcode", "previousPostcodes", "pdu",
}

// WatchPolicy says of whom a force is told, and what.
type WatchPolicy struct {
	Force string `json:"force"`
	// Regions and PDUs are where everybody under supervision is on the list.
	Regions []string `json:"regions"`
	PDUs    []string `json:"pdus"`
	Fields  []string `json:"fields"`
	// Unfiltered is the reference of the impact assessment that lets the force
	// send everything. Empty: it sends what concerns somebody on its list.
	Unfiltered string `json:"unfiltered,omitempty"`
}

// Valid reports whether all fields are ones that may go out.
func (p WatchPolicy) Valid() bool {
	return !slices.ContainsFunc(p.Fields, func(f string) bool { return !slices.Contains(WatchFields, f) })
}

// WatchState is where a force's watch list stands.
type WatchState struct {
	WatchPolicy
	// Cursor is the list's version, and Confirmed the one that the force says
	// it has taken.
	Cursor      int64     `json:"cursor"`
	Confirmed   int64     `json:"confirmed"`
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"`
	// People are on the list; PeopleConfirmed of them as the force was last told.
	People          int `json:"people"`
	PeopleConfirmed int `json:"peopleConfirmed"`
	// UnconfirmedEndings are people whom the force must no longer keep, and has
	// not said that it has let go. OldestEnding is when the first of them ended.
	UnconfirmedEndings int       `json:"unconfirmedEndings"`
	OldestEnding       time.Time `json:"oldestEnding,omitzero"`
	// OldestUnconfirmed is when the first change was made that the force has not
	// confirmed.
	OldestUnconfirmed time.Time `json:"oldestUnconfirmed,omitzero"`
}

// WatchEntry is one line of a watch list.
type WatchEntry struct {
	// ID is what the force knows the entry by. It says nothing about anybody.
	ID string `json:"id"`
	// Listed is false for somebody whom the force must no longer keep.
	Listed bool `json:"listed"`
	// The fields that policy names. Of some people only identifiers go out.
	CRN               string   `json:"crn,omitempty"`
	NOMS              string   `json:"noms,omitempty"`
	Surname           string   `json:"surname,omitempty"`
	Forenames         string   `json:"forenames,omitempty"`
	Aliases           []string `json:"aliases,omitempty"`
	DateOfBirth       Date     `json:"dateOfBirth,omitzero"`
	Sex               Sex      `json:"sex,omitempty"`
	PNCs              []string `json:"pncs,omitempty"`
	CROs              []string `json:"cros,omitempty"`
	Address           string   `json:"address,omitempty"`
	Postcode          string   `json:"postcode,omitempty"`
	PreviousPostcodes []string `json:"previousPostcodes,omitempty"`
	PDU               string   `json:"pdu,omitempty"`
	// Tokens stand for the names of somebody whose names do not go out: hashes
	// by which the force can see that an incident may be about them.
	Tokens []string `json:"tokens,omitempty"`
}

// Identity is what the entry says for comparing it with somebody.
func (e WatchEntry) Identity() Identity {
	id := Identity{
		Name: Name{Forenames: e.Forenames, Surname: e.Surname}, Aliases: e.Aliases, DateOfBirth: e.DateOfBirth, Sex: e.Sex,
		PNCs: e.PNCs, CROs: e.CROs, NOMS: e.NOMS, Place: Place{Address: e.Address, Postcode: e.Postcode},
	}
	for _, p := range e.PreviousPostcodes {
		id.Previous = append(id.Previous, Place{Postcode: p})
	}
	return id
}

// LogValue gives the entry by its id alone.
func (e WatchEntry) LogValue() slog.Value { return slog.StringValue(e.ID) }

// String keeps names out of error texts and test output.
func (e WatchEntry) String() string { return "entry " + e.ID }

// WatchTokens are salted hashes of what is known of somebody: each name with
// the date of birth, two names with the year or the day of it, and two names
// alone. Whoever is looked for ([SeekTokens]) shares one of them unless nearly
// all differs.
//
// They hide names from whoever reads the list, not from whoever guesses a name
// and tries it; a force could ask about that person as well.
func WatchTokens(salt string, id Identity) []string { return watchTokens(salt, id, true) }

// SeekTokens are those by which somebody in an incident is looked for. Two
// names alone are looked for only where no date of birth is known: too many
// people share them.
func SeekTokens(salt string, id Identity) []string {
	return watchTokens(salt, id, !id.DateOfBirth.Known())
}

func watchTokens(salt string, id Identity, namesAlone bool) []string {
	var tokens []string
	add := func(parts ...string) {
		sum := sha256.Sum256([]byte(salt + "\x00" + strings.Join(parts, "\x00")))
		if t := hex.EncodeToString(sum[:8]); !slices.Contains(tokens, t) {
			tokens = append(tokens, t)
		}
	}
	for _, whole := range append([]string{id.Forenames + " " + id.Surname}, id.Aliases...) {
		words := strings.FieldsFunc(foldName(whole), func(r rune) bool { return r == ' ' || r == '-' })
		for i, w := range words {
			for _, born := range births(id.DateOfBirth) {
				add(w, born)
			}
			for _, other := range words[i+1:] {
				a, b := min(w, other), max(w, other)
				if born := id.DateOfBirth.String(); id.DateOfBirth.Known() {
					add(a, b, born[:4])
					add(a, b, born[5:])
				}
				if namesAlone {
					add(a, b)
				}
			}
		}
	}
	return tokens
}

// births are the date of birth, and the date that it becomes when day and month
// are typed the wrong way round.
func births(born Date) []string {
	if !born.Known() {
		return nil
	}
	all := []string{born.String()}
	if int(born.Month) != born.Day && born.Day <= 12 {
		all = append(all, Date{Year: born.Year, Month: time.Month(born.Day), Day: int(born.Month)}.String())
	}
	return all
}

// foldName is a name in capitals without diacritics and apostrophes.
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’', r == '.':
			return -1
		case r == 'ł', r == 'Ł':
			return 'L'
		}
		return unicode.ToUpper(r)
	}, norm.NFD.String(s))
}
