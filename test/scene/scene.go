// Package scene sets the stage for tests of the desk: two PDUs with the people
// who work there, cases, incidents and matches, written to the tables as the
// stages before the desk would leave them.
package scene

import (
	"cmp"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// Scene is a world with people in it. Accounts go by what they are:
// "administrator", "practitioner", "manager" …; those of the other PDU by
// "gwent administrator" and so on.
type Scene struct {
	testing.TB
	DB       *postgres.DB
	Accounts map[string]casework.Account
	Now      time.Time
	// Consulted is the manager whom decisions name. Default [Manager].
	Consulted string
	n         int
}

// Places where people of the scene work.
const (
	Cardiff, Gwent        = "N03SW1", "WPTGWT"
	Team, OtherTeam       = "N03ST03", "WPTGT01"
	Practitioner, Stand   = "N03S0304", "N03S0305" // Stand is another practitioner of the team
	Manager, GwentOfficer = "N03S03S", "WPTG0101"
	Deputy                = "N03S03D" // signs in nowhere
)

// New sets a scene on a database of its own.
func New(t testing.TB) *Scene {
	t.Helper()
	return On(t, pgtest.New(t))
}

// On sets a scene on a database, or finds it there.
func On(t testing.TB, db *postgres.DB) *Scene {
	t.Helper()
	s := &Scene{TB: t, DB: db, Accounts: map[string]casework.Account{}, Now: time.Now().Truncate(time.Second)}
	s.exec(`insert into pdu (code, name, region, force) values ('N03SW1', 'Cardiff and Vale', 'N03', '62'), ('WPTGWT', 'Gwent', 'N03', '61') on conflict do nothing`)
	s.exec(`insert into team (code, name, pdu, manager) values ('N03ST03', 'Cardiff and Vale Team 3', 'N03SW1', 'N03S03S'), ('WPTGT01', 'Gwent Team 1', 'WPTGWT', 'WPTG01S') on conflict do nothing`)
	s.exec(`insert into staff (code, name, role, team, pdu) values
		('N03S0304', 'Priya Practice', 'practitioner', 'N03ST03', 'N03SW1'),
		('N03S0305', 'Stan Standin', 'practitioner', 'N03ST03', 'N03SW1'),
		('N03S03S', 'Mair Manager', 'manager', 'N03ST03', 'N03SW1'),
		('WPTG0101', 'Gwen Gwentley', 'practitioner', 'WPTGT01', 'WPTGWT'),
		('WPTG01S', 'Glyn Gwentley', 'manager', 'WPTGT01', 'WPTGWT') on conflict do nothing`)
	s.account("administrator", "Ada Administrator", "", casework.Grant{Role: casework.Administrator, Scope: Cardiff})
	s.account("second administrator", "Sec Second", "", casework.Grant{Role: casework.Administrator, Scope: Cardiff})
	s.account("cleared administrator", "Clara Cleared", "", casework.Grant{Role: casework.Administrator, Scope: Cardiff, Restricted: true})
	s.account("gwent administrator", "Gwyn Administrator", "", casework.Grant{Role: casework.Administrator, Scope: Gwent})
	s.account("practitioner", "Priya Practice", Practitioner, casework.Grant{Role: casework.Practitioner, Scope: Practitioner})
	s.account("second practitioner", "Stan Standin", Stand, casework.Grant{Role: casework.Practitioner, Scope: Stand})
	s.account("manager", "Mair Manager", Manager, casework.Grant{Role: casework.Manager, Scope: Team})
	s.account("gwent manager", "Glyn Gwentley", "WPTG01S", casework.Grant{Role: casework.Manager, Scope: OtherTeam})
	s.account("head", "Hedd Head", "", casework.Grant{Role: casework.HeadOfPDU, Scope: Cardiff})
	s.account("victim staff", "Vic Liaison", "", casework.Grant{Role: casework.VictimStaff, Scope: Cardiff})
	s.account("duty officer", "Dot Duty", "", casework.Grant{Role: casework.DutyOfficer, Scope: "N03"})
	s.account("auditor", "Audrey Auditor", "", casework.Grant{Role: casework.Auditor})
	s.account("operations", "Opal Operations", "", casework.Grant{Role: casework.Operations})
	return s
}

func (s *Scene) account(key, name, staff string, grants ...casework.Grant) {
	s.Helper()
	all := []casework.Account{{Subject: "persona:" + key, Name: name, Staff: staff, Demo: true, Grants: grants}}
	if err := s.DB.SaveAccounts(s.Context(), all); err != nil {
		s.Fatal(err)
	}
	s.Accounts[key] = all[0]
}

// Case is somebody on probation, as a test needs them.
type Case struct {
	Name                    casework.Name
	CRN                     string // one is made up if it is empty
	PDU, Team, Practitioner string // Cardiff's by default
	RoSH                    casework.RoSH
	Restricted              bool
	Registers               []string
}

// Person puts a case on the register.
func (s *Scene) Person(c Case) casework.PersonID {
	s.Helper()
	s.n++
	if c.CRN == "" {
		c.CRN = fmt.Sprintf("X%06d", 100000+s.n)
	}
	if c.Name == (casework.Name{}) {
		c.Name = casework.Name{Forenames: "Rhys", Surname: "Tester"}
	}
	if c.PDU == "" {
		c.PDU, c.Team = Cardiff, Team
		if c.Practitioner == "" {
			c.Practitioner = Practitioner
		}
	}
	if c.RoSH == "" {
		c.RoSH = casework.RoSHMedium
	}
	if c.Registers == nil {
		c.Registers = []string{}
	}
	return one[casework.PersonID](s, `
		insert into person (crn, surname, forenames, date_of_birth, sex, address, postcode, pncs, identity_digest, order_type,
		                    rosh, registers, restricted, pdu, team, practitioner, changed_version)
		values (@crn, @surname, @forenames, '1985-03-09', 'M', '14 Case Record Street', 'CF10 1AA', '{2004/0123456X}', @crn, 'licence',
		        @rosh, @registers, @restricted, @pdu, @team, @practitioner, 1)
		returning id`,
		pgx.NamedArgs{"crn": c.CRN, "surname": c.Name.Surname, "forenames": c.Name.Forenames, "rosh": c.RoSH, "registers": c.Registers,
			"restricted": c.Restricted, "pdu": c.PDU, "team": c.Team, "practitioner": c.Practitioner})
}

// Found is a match as the matcher leaves it, with the actions that the notifier raised.
type Found struct {
	Incident casework.IncidentID
	Match    casework.MatchID
	// Administrator and Practitioner are the numbers of their actions.
	Administrator, Practitioner casework.ActionID
	Reference                   string
}

// rules of the policy that ships, by whose action they raise.
var rules = map[casework.OwnerRole]string{
	casework.Administrator: "acknowledge_match", casework.Practitioner: "review_incident",
	casework.VictimStaff: "tell_victim_staff", casework.DutyOfficer: "out_of_hours",
}

// Report is an incident that concerns somebody.
type Report struct {
	Person     casework.PersonID
	Force      string // 62 by default
	Band       casework.Band
	Priority   casework.Priority
	Kind       casework.Kind
	Ago        time.Duration       // how long ago it happened and was found
	Due        time.Duration       // from now until the actions are due; a day by default
	Incident   casework.IncidentID // another candidate for the same person of this incident
	Level      int                 // how often the administrator's and the practitioner's action have escalated
	RaisedOnly casework.OwnerRole  // raise the action of this role alone
	Unraised   bool                // raise none: a notifier is at hand
}

// Match has police report an incident that concerns somebody.
func (s *Scene) Match(r Report) Found {
	s.Helper()
	s.n++
	if r.Force == "" {
		r.Force = "62"
	}
	if r.Band == "" {
		r.Band = casework.Probable
	}
	if r.Priority == "" {
		r.Priority = casework.Standard
	}
	if r.Kind == "" {
		r.Kind = casework.KindIncident
	}
	if r.Due == 0 {
		r.Due = 24 * time.Hour
	}
	f := Found{Incident: r.Incident, Reference: fmt.Sprintf("REF%05d", s.n)}
	at := s.Now.Add(-r.Ago - time.Hour)
	if f.Incident == 0 {
		s.incident(&f, r, at)
	} else {
		f.Reference = one[string](s, `select reference from incident where id = @id`, pgx.NamedArgs{"id": f.Incident})
	}
	e := Evidence()
	evidence, err := json.Marshal(e)
	if err != nil {
		s.Fatal(err)
	}
	f.Match = one[casework.MatchID](s, `
		insert into match (incident, involvement, position, person, crn, revision, role, bits, probability, band, evidence,
		                   model, register_version, identity_digest, priority, found_at)
		select @incident, 1, 1, p.id, p.crn, 1, 'suspect', @bits, @probability, @band, @evidence, 'model', 1, 'digest', @priority, @found
		  from person p
		 where p.id = @person
		returning id`,
		pgx.NamedArgs{"incident": f.Incident, "person": r.Person, "bits": e.Bits, "probability": e.Probability, "band": r.Band,
			"evidence": evidence, "priority": r.Priority, "found": at.Add(time.Hour)})
	raise := func(role casework.OwnerRole, owner string) casework.ActionID {
		if r.Unraised || r.RaisedOnly != "" && r.RaisedOnly != role {
			return 0
		}
		id := one[casework.ActionID](s, `
			insert into action (incident, person, match, rule, owner_role, owner, pdu, team, priority, raised_at, ack_due, due, level)
			select @incident, p.id, @match, @rule, @role, coalesce(nullif(@owner, ''), p.practitioner), p.pdu, p.team, @priority, @raised,
			       @ack, @due, @level
			  from person p
			 where p.id = @person
			returning id`,
			pgx.NamedArgs{"incident": f.Incident, "person": r.Person, "match": f.Match, "rule": rules[role], "role": role,
				"owner": owner, "priority": r.Priority, "raised": at.Add(time.Hour), "ack": s.Now.Add(r.Due), "due": s.Now.Add(r.Due + 24*time.Hour),
				"level": r.Level})
		s.exec(`insert into action_history (action, n, what) values ($1, 1, 'raised')`, id)
		s.exec(`insert into step (action, n, kind, target_role, due_at) values ($1, 1, 'unacknowledged', 'manager', $2), ($1, 2, 'undecided', 'manager', $2)`,
			id, s.Now.Add(r.Due))
		return id
	}
	pdu := one[string](s, `select pdu from person where id = @id`, pgx.NamedArgs{"id": r.Person})
	f.Administrator = raise(casework.Administrator, pdu)
	if r.RaisedOnly != "" && r.RaisedOnly != casework.Practitioner {
		switch r.RaisedOnly {
		case casework.VictimStaff:
			f.Practitioner = raise(r.RaisedOnly, pdu)
		case casework.DutyOfficer:
			f.Practitioner = raise(r.RaisedOnly, "N03")
		}
		return f
	}
	f.Practitioner = raise(casework.Practitioner, "")
	return f
}

func (s *Scene) incident(f *Found, r Report, at time.Time) {
	s.Helper()
	body, err := json.Marshal(Incident(r.Force, f.Reference, r.Kind, at))
	if err != nil {
		s.Fatal(err)
	}
	f.Incident = one[casework.IncidentID](s, `insert into incident (force, reference, head) values (@force, @reference, 1) returning id`,
		pgx.NamedArgs{"force": r.Force, "reference": f.Reference})
	s.exec(`insert into receipt (id, force, channel) values ('00000000-0000-0000-0000-000000000001', '62', 'test') on conflict do nothing`)
	s.exec(`insert into revision (incident, number, status, kind, type, reported_at, occurred_from, domestic_abuse, dash, body, digest,
	                              disposition, register_version, involvements, receipt, received_at)
		values ($1, 1, 'live', $2, 'Violence and sexual offences', $3, $3, true, 'medium', $4, 'x', 'matched', 1, '{1,2,3}',
		        '00000000-0000-0000-0000-000000000001', $3)`,
		f.Incident, r.Kind, at, body)
}

// VictimAddress and CallerName must not be seen before somebody gave a reason.
const (
	VictimAddress = "7 Hiding Place"
	CallerName    = "Neighbour Nosey"
)

// Incident is what police sent: a suspect, a victim who lives where it happened, and a child.
func Incident(force, reference string, kind casework.Kind, at time.Time) casework.Incident {
	return casework.Incident{
		Force: force, Reference: reference, Revision: 1, Status: casework.Live, Kind: kind,
		Type: "Violence and sexual offences", ReportedAt: at, OccurredFrom: at.Add(-time.Hour), OccurredTo: at,
		DomesticAbuse: true, ChildrenPresent: true, DASH: casework.DASHMedium, Factors: []string{"alcohol"},
		Location:     casework.Location{Text: VictimAddress, Postcode: "CF24 3ZZ"},
		ActionsTaken: []string{"Words of advice given"},
		Summary:      "Raised voices were heard; parties separated.", ReportedBy: CallerName,
		Persons: []casework.Involvement{
			{Role: casework.RoleSuspect, Surname: "Testor", Forenames: "Rhys", DateOfBirth: casework.Date{Year: 1985, Month: 3, Day: 9},
				Sex: casework.Male, PNC: "2004/0123456X", Address: "14 Case Record Street", Postcode: "CF10 1AA"},
			{Role: casework.RoleVictim, Surname: "Victimson", Forenames: "Vera", DateOfBirth: casework.Date{Year: 1987, Month: 5, Day: 2},
				Sex: casework.Female, Address: VictimAddress, Postcode: "CF24 3ZZ"},
			{Role: casework.RoleChild, Surname: "Victimson", Forenames: "Cai", DateOfBirth: casework.Date{Year: 2016}},
		},
	}
}

// Evidence adds up, as evidence does.
func Evidence() casework.Evidence {
	e := casework.Evidence{Model: "model", Prior: -14, Probability: 0.9996, Band: casework.Probable, Steps: []casework.EvidenceStep{
		{Field: "surname", Level: "similar", Bits: 6.5, Incident: "Testor", Register: "Tester"},
		{Field: "forename", Level: "exact", Bits: 7.25, Incident: "Rhys", Register: "Rhys"},
		{Field: "date of birth", Level: "exact", Bits: 13.5, Incident: "1985-03-09", Register: "1985-03-09"},
		{Field: "PNC", Level: "differs", Bits: -2, Incident: "2004/0123456X", Register: "2004/0123457Y"},
		{Field: "sex", Level: "the same", Bits: 1, Incident: "M", Register: "M"},
	}}
	e.Bits = e.Prior
	for _, s := range e.Steps {
		e.Bits += s.Bits
	}
	return e
}

func (s *Scene) exec(sql string, args ...any) {
	s.Helper()
	pgtest.Exec(s.TB, s.DB, sql, args...)
}

func one[T any](s *Scene, sql string, args ...any) T {
	s.Helper()
	return pgtest.One[T](s.TB, s.DB, sql, args...)
}

// Judge has somebody judge a match as it stands.
func (s *Scene) Judge(who string, id casework.MatchID, v casework.Verdict) {
	s.Helper()
	me := s.Accounts[who]
	m, err := s.DB.Match(s.Context(), me.ID, id)
	if err != nil {
		s.Fatal(err)
	}
	defer s.askTransfer(id, v)
	if _, err := s.DB.Judge(s.Context(), postgres.Judgement{Match: id, Verdict: v, Reason: "because of the test", By: me, Seen: m.Seen}); err != nil {
		s.Fatal(err)
	}
}

// Decide has somebody record a decision that needs a countersignature, and
// gives its number.
func (s *Scene) Decide(who string, id casework.ActionID) int64 {
	s.Helper()
	_, err := s.DB.Decide(s.Context(), postgres.NewDecision{
		Action: id, Outcome: casework.OutcomeEnforcement, Rationale: "A second incident in a week, against the conditions.",
		RiskChanged: true, RiskReason: "Frequency rises.", ManagerConsulted: cmp.Or(s.Consulted, Manager), ConsultedAt: s.Now.Add(-time.Minute),
		CountersignNeeded: true, CountersignDue: s.Now.Add(48 * time.Hour), By: s.Accounts[who],
	})
	if err != nil {
		s.Fatal(err)
	}
	return one[int64](s, `select max(id) from decision where action = @id`, pgx.NamedArgs{"id": id})
}

// askTransfer raises what the notifier raises of a confirmed match.
func (s *Scene) askTransfer(id casework.MatchID, v casework.Verdict) {
	s.Helper()
	if v != casework.VerdictConfirm {
		return
	}
	s.exec(`insert into action (incident, person, match, rule, owner_role, owner, pdu, team, priority, ack_due, due)
		select incident, person, match, 'transfer_match', owner_role, owner, pdu, team, priority, ack_due, due
		  from action
		 where match = $1
		   and rule = 'acknowledge_match'
		    on conflict do nothing`, id)
}
