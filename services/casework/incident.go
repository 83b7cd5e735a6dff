package casework

import (
	"log/slog"
	"strings"
	"time"
)

// Kind tells an arrest from a call-out that ended in none. Both are reportable.
type Kind string

const (
	KindArrest   Kind = "arrest"
	KindIncident Kind = "incident"
)

// Status says whether the force still stands by the incident.
type Status string

const (
	Live      Status = "live"
	Withdrawn Status = "withdrawn"
)

// Role is the part somebody had in an incident.
type Role string

const (
	RoleArrested Role = "arrested"
	RoleSuspect  Role = "suspect"
	RoleVictim   Role = "victim"
	RoleWitness  Role = "witness"
	RoleChild    Role = "child"
	RoleOther    Role = "other"
)

// DASH is the risk grade that police put on a domestic-abuse incident. It is
// supplied, never computed here.
type DASH string

const (
	DASHStandard DASH = "standard"
	DASHMedium   DASH = "medium"
	DASHHigh     DASH = "high"
)

// Incident is one revision of what a force reported, in the canonical form of
// version 1. Its JSON is what a force sends and what the ledger keeps.
type Incident struct {
	Force           string         `json:"force"`
	Reference       string         `json:"reference"`
	Revision        int            `json:"revision"`
	Status          Status         `json:"status"`
	Kind            Kind           `json:"kind"`
	Type            string         `json:"type"`
	ReportedAt      time.Time      `json:"reportedAt"`
	OccurredFrom    time.Time      `json:"occurredFrom"`
	OccurredTo      time.Time      `json:"occurredTo,omitzero"`
	DomesticAbuse   bool           `json:"domesticAbuse"`
	ChildrenPresent bool           `json:"childrenPresent"`
	DASH            DASH           `json:"dash,omitempty"`
	Factors         []string       `json:"factors,omitempty"`
	Location        Location       `json:"location,omitzero"`
	ActionsTaken    []string       `json:"actionsTaken,omitempty"`
	Summary         string         `json:"summary,omitempty"`
	Persons         []Involvement  `json:"persons"`
	Relationships   []Relationship `json:"relationships,omitempty"`
	// ReportedBy is who called. It is masked wherever it is shown.
	ReportedBy     string `json:"reportedBy,omitempty"`
	NSIR           *NSIR  `json:"nsir,omitempty"`
	Classification string `json:"classification,omitempty"`
	Officer        string `json:"officer,omitempty"`
	// Redacted is set on receipt when no party is named.
	Redacted bool `json:"redacted,omitempty"`
}

// Location is where it happened.
type Location struct {
	Text      string  `json:"text,omitempty"`
	Postcode  string  `json:"postcode,omitempty"`
	LSOA      string  `json:"lsoa,omitempty"`
	Latitude  float64 `json:"latitude,omitempty"`
	Longitude float64 `json:"longitude,omitempty"`
}

// NSIR holds the national incident codes at opening and closing.
type NSIR struct {
	Opening string `json:"opening,omitempty"`
	Closing string `json:"closing,omitempty"`
}

// Relationship ties two persons of the incident, each counted from 1 in the
// order they were given.
type Relationship struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Kind string `json:"kind"`
}

// Involvement is one person in one incident, in one role. The same human being
// may be given twice with two roles.
type Involvement struct {
	Role        Role     `json:"role"`
	Surname     string   `json:"surname,omitempty"`
	Forenames   string   `json:"forenames,omitempty"`
	AlsoKnownAs []string `json:"alsoKnownAs,omitempty"`
	DateOfBirth Date     `json:"dateOfBirth,omitzero"`
	Sex         Sex      `json:"sex,omitempty"`
	PNC         string   `json:"pnc,omitempty"`
	CRO         string   `json:"cro,omitempty"`
	Address     string   `json:"address,omitempty"`
	Postcode    string   `json:"postcode,omitempty"`
	Arrest      *Arrest  `json:"arrest,omitempty"`
}

// Arrest is what became of somebody who was arrested.
type Arrest struct {
	ASN        string    `json:"asn,omitempty"`
	ArrestedAt time.Time `json:"arrestedAt,omitzero"`
	Offence    string    `json:"offence,omitempty"`
	Disposal   string    `json:"disposal,omitempty"`
}

// Identity is what the matcher compares.
func (v Involvement) Identity() Identity {
	id := Identity{
		Name:        Name{Forenames: v.Forenames, Surname: v.Surname},
		Aliases:     v.AlsoKnownAs,
		DateOfBirth: v.DateOfBirth,
		Sex:         v.Sex,
		Place:       Place{Address: v.Address, Postcode: v.Postcode},
	}
	if v.PNC != "" {
		id.PNCs = []string{v.PNC}
	}
	if v.CRO != "" {
		id.CROs = []string{v.CRO}
	}
	return id
}

// Named reports whether the involvement says who it is.
func (v Involvement) Named() bool { return v.Surname != "" || v.Forenames != "" }

// LogValue keeps names out of logs.
func (v Involvement) LogValue() slog.Value { return slog.StringValue("[" + string(v.Role) + "]") }

// String keeps names out of error texts and test output.
func (v Involvement) String() string { return "[" + string(v.Role) + "]" }

// LogValue gives an incident by its key alone.
func (i Incident) LogValue() slog.Value {
	return slog.GroupValue(slog.String("force", i.Force), slog.String("reference", i.Reference), slog.Int("revision", i.Revision))
}

// Disposition says where an accepted revision stands.
type Disposition string

const (
	InFlight    Disposition = "in_flight"
	Matched     Disposition = "matched"
	Unmatched   Disposition = "unmatched"
	WithdrawnBy Disposition = "withdrawn"
	Superseded  Disposition = "superseded"
	Quarantined Disposition = "quarantined"
)

// IncidentID is the ledger's number for one (force, reference).
type IncidentID int64

// OfDisclosure reports whether an action that police took speaks of a
// disclosure of domestic violence (DVDS), however they write it.
func OfDisclosure(action string) bool {
	return strings.Contains(strings.ToLower(action), "dvds")
}
