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
// the date of birth, and forename with surname. Two records of one person share
// one of them unless nearly all differs.
//
// They hide names from whoever reads the list, not from whoever guesses a name
// and tries it; a force could ask about that person as well.
func WatchTokens(salt string, id Identity) []string {
	var tokens []string
	add := func(parts ...string) {
		sum := sha256.Sum256([]byte(salt + "\x00" + strings.Join(parts, "\x00")))
		if t := hex.EncodeToString(sum[:8]); !slices.Contains(tokens, t) {
			tokens = append(tokens, t)
		}
	}
	born := id.DateOfBirth
	births := []string{}
	if born.Known() {
		births = append(births, born.String())
		if int(born.Month) != born.Day && born.Day <= 12 { // typed the other way round
			births = append(births, Date{Year: born.Year, Month: time.Month(born.Day), Day: int(born.Month)}.String())
		}
	}
	for _, whole := range append([]string{id.Forenames + " " + id.Surname}, id.Aliases...) {
		words := strings.FieldsFunc(foldName(whole), func(r rune) bool { return r == ' ' || r == '-' })
		for i, w := range words {
			for _, b := range births {
				add(w, b)
			}
			for _, other := range words[i+1:] {
				add(min(w, other), max(w, other))
			}
		}
	}
	return tokens
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
