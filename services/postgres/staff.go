package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// directory gathers the PDUs, teams and staff that an extract's rows name.
type directory struct {
	pdus  map[string]casework.PDU
	teams map[place]*tally
	staff map[place]*tally
}

// place is a code and the PDU in which it was used. Codes are only unique where
// the case record makes them so; some extracts use one for two teams.
type place struct{ code, pdu string }

// tally counts what rows say of a code, since they may disagree.
type tally struct {
	names, teams, managers map[string]int
	role                   string
	grade, domain          string
	email                  string // as given; else one is made of the code and the domain
}

func newDirectory() *directory {
	return &directory{
		pdus:  map[string]casework.PDU{},
		teams: map[place]*tally{},
		staff: map[place]*tally{},
	}
}

// add takes note of whom a row names.
func (d *directory) add(r *casework.CaseRow) {
	if p, ok := d.pdus[r.PDU]; !ok || p.Name == "" || p.Region == "" {
		d.pdus[r.PDU] = casework.PDU{Code: r.PDU, Name: cmp.Or(p.Name, r.PDUName), Region: cmp.Or(p.Region, r.Region)}
	}
	team := note(d.teams, place{r.Team, r.PDU}, r.TeamName)
	team.managers[r.Manager]++
	if r.Practitioner != "" {
		p := note(d.staff, place{r.Practitioner, r.PDU}, r.PractitionerName)
		p.role = cmp.Or(p.role, "practitioner")
		p.teams[r.Team]++
		p.reached(r.PractitionerGrade, r.PractitionerEmail, r.EmailDomain)
	}
	if r.Manager != "" {
		m := note(d.staff, place{r.Manager, r.PDU}, r.ManagerName)
		if m.role != "head" {
			m.role = "manager"
		}
		m.teams[r.Team]++
		m.reached(r.ManagerGrade, r.ManagerEmail, r.EmailDomain)
	}
	if r.HeadCode != "" {
		h := note(d.staff, place{r.HeadCode, r.PDU}, r.HeadName)
		h.role = "head"
		h.reached("", r.HeadEmail, r.EmailDomain)
	}
}

func (t *tally) reached(grade, email, domain string) {
	t.grade, t.email, t.domain = cmp.Or(grade, t.grade), cmp.Or(email, t.email), cmp.Or(domain, t.domain)
}

func note(in map[place]*tally, at place, name string) *tally {
	t := in[at]
	if t == nil {
		t = &tally{names: map[string]int{}, teams: map[string]int{}, managers: map[string]int{}}
		in[at] = t
	}
	t.names[name]++
	return t
}

// most is what most rows said; of equals, the first in order.
func most(counts map[string]int) string {
	best, n := "", 0
	for _, s := range slices.Sorted(maps.Keys(counts)) {
		if s != "" && counts[s] > n {
			best, n = s, counts[s]
		}
	}
	return best
}

// held is a code as the register keeps it.
type held struct{ pdu, name string }

// qualified decides under which codes the register keeps teams or staff. A code
// that stands for two different things in two PDUs keeps its plain form for the
// one that has it already, else for the first PDU in order; the others are kept
// as code-PDU, and stay so. Otherwise two practitioners would see each other's
// cases.
//
// Staff of one name under one code are one person who works in both PDUs.
func qualified(seen map[place]*tally, kept map[string]held, staff bool, delta bool) map[place]string {
	pdus := map[string][]string{} // code → PDUs in which the rows use it
	for at := range seen {
		pdus[at.code] = append(pdus[at.code], at.pdu)
	}
	renames := map[place]string{}
	for code, in := range pdus {
		slices.Sort(in)
		holder, holds := in[0], false
		if k, ok := kept[code]; ok && (delta || slices.Contains(in, k.pdu)) {
			holder, holds = k.pdu, true
		}
		for _, pdu := range in {
			own := code + "-" + pdu
			if _, ok := kept[own]; ok {
				renames[place{code, pdu}] = own
				continue
			}
			if pdu == holder {
				continue
			}
			if staff {
				name := ""
				if t := seen[place{code, holder}]; t != nil {
					name = most(t.names)
				} else if holds {
					name = kept[code].name
				}
				if name == most(seen[place{code, pdu}].names) {
					continue
				}
			}
			renames[place{code, pdu}] = own
		}
	}
	return renames
}

// store writes PDUs, teams and staff, and gives the codes that the incoming
// rows use the form in which the register keeps them. It returns those that it
// had to qualify.
func (d *directory) store(ctx context.Context, tx pgx.Tx, delta bool) ([]string, error) {
	keptTeams, err := keptCodes(ctx, tx, `select code, pdu, name from team`)
	if err != nil {
		return nil, err
	}
	keptStaff, err := keptCodes(ctx, tx, `select code, pdu, name from staff`)
	if err != nil {
		return nil, err
	}
	teams := qualified(d.teams, keptTeams, false, delta)
	staff := qualified(d.staff, keptStaff, true, delta)
	if err := d.storePDUs(ctx, tx); err != nil {
		return nil, err
	}
	if err := d.storeTeams(ctx, tx, teams, staff); err != nil {
		return nil, err
	}
	if err := d.storeStaff(ctx, tx, teams, staff); err != nil {
		return nil, err
	}
	if err := requalify(ctx, tx, "team", teams); err != nil {
		return nil, err
	}
	if err := requalify(ctx, tx, "practitioner", staff); err != nil {
		return nil, err
	}
	all := append(slices.Collect(maps.Values(teams)), slices.Collect(maps.Values(staff))...)
	slices.Sort(all)
	return slices.Compact(all), nil
}

func keptCodes(ctx context.Context, tx pgx.Tx, query string) (map[string]held, error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	kept := map[string]held{}
	var code string
	var h held
	_, err = pgx.ForEachRow(rows, []any{&code, &h.pdu, &h.name}, func() error {
		kept[code] = h
		return nil
	})
	return kept, err
}

func (d *directory) storePDUs(ctx context.Context, tx pgx.Tx) error {
	known := map[string]casework.PDU{}
	for _, p := range casework.WelshPDUs() {
		known[p.Code] = p
	}
	var codes, names, regions, forces []string
	for _, code := range slices.Sorted(maps.Keys(d.pdus)) {
		p := d.pdus[code]
		codes = append(codes, code)
		names = append(names, cmp.Or(p.Name, known[code].Name, code))
		regions = append(regions, cmp.Or(p.Region, known[code].Region))
		forces = append(forces, known[code].Force)
	}
	_, err := tx.Exec(ctx, `
		insert into pdu (code, name, region, force)
		select *
		  from unnest(@codes::text[], @names::text[], @regions::text[], @forces::text[])
		    on conflict (code) do update
		   set name = excluded.name,
		       region = coalesce(nullif(excluded.region, ''), pdu.region)
		 where (pdu.name, pdu.region) is distinct from (excluded.name, coalesce(nullif(excluded.region, ''), pdu.region))`,
		pgx.NamedArgs{"codes": codes, "names": names, "regions": regions, "forces": forces})
	return err
}

func (d *directory) storeTeams(ctx context.Context, tx pgx.Tx, teams, staff map[place]string) error {
	var codes, names, pdus, managers []string
	for _, at := range sorted(d.teams) {
		t := d.teams[at]
		code := cmp.Or(teams[at], at.code)
		manager := most(t.managers)
		if manager != "" {
			manager = cmp.Or(staff[place{manager, at.pdu}], manager)
		}
		codes = append(codes, code)
		names = append(names, cmp.Or(most(t.names), at.code))
		pdus = append(pdus, at.pdu)
		managers = append(managers, manager)
	}
	_, err := tx.Exec(ctx, `
		insert into team (code, name, pdu, manager)
		select *
		  from unnest(@codes::text[], @names::text[], @pdus::text[], @managers::text[])
		    on conflict (code) do update
		   set name = excluded.name,
		       pdu = excluded.pdu,
		       manager = excluded.manager
		 where (team.name, team.pdu, team.manager) is distinct from (excluded.name, excluded.pdu, excluded.manager)`,
		pgx.NamedArgs{"codes": codes, "names": names, "pdus": pdus, "managers": managers})
	return err
}

func (d *directory) storeStaff(ctx context.Context, tx pgx.Tx, teams, staff map[place]string) error {
	seen := map[string]bool{}
	var codes, names, roles, grades, inTeams, pdus, emails []string
	var guessed []bool
	for _, at := range sorted(d.staff) {
		t := d.staff[at]
		code := cmp.Or(staff[at], at.code)
		if seen[code] {
			continue // one person in two PDUs is kept where they come first
		}
		seen[code] = true
		team := most(t.teams)
		if team != "" {
			team = cmp.Or(teams[place{team, at.pdu}], team)
		}
		codes = append(codes, code)
		names = append(names, cmp.Or(most(t.names), at.code))
		roles = append(roles, t.role)
		grades = append(grades, t.grade)
		inTeams = append(inTeams, team)
		pdus = append(pdus, at.pdu)
		email := t.email
		if email == "" && t.domain != "" {
			// By code: two of one name would share an address made of it.
			email = strings.ToLower(code) + "@" + t.domain
		}
		emails, guessed = append(emails, email), append(guessed, t.email == "")
	}
	// Whoever is in the staff list keeps the role and the address it gave them,
	// unless the extract gives an address outright. What the extract does not
	// say stays.
	_, err := tx.Exec(ctx, `
		insert into staff as s (code, name, role, grade, team, pdu, email)
		select k.code, k.name,
		       case when have.listed then have.role else k.role end,
		       coalesce(nullif(k.grade, ''), have.grade, ''),
		       k.team, k.pdu,
		       case when k.email = '' or k.guessed and have.listed and have.email <> '' then coalesce(have.email, '') else k.email end
		  from unnest(@codes::text[], @names::text[], @roles::text[], @grades::text[],
		              @teams::text[], @pdus::text[], @emails::text[], @guessed::boolean[])
		       as k (code, name, role, grade, team, pdu, email, guessed)
		  left join staff have on have.code = k.code
		    on conflict (code) do update
		   set name = excluded.name,
		       role = excluded.role,
		       grade = excluded.grade,
		       team = excluded.team,
		       pdu = excluded.pdu,
		       email = excluded.email,
		       gone_at = null,
		       changed_at = now()
		 where (s.name, s.role, s.grade, s.team, s.pdu, s.email)
		       is distinct from
		       (excluded.name, excluded.role, excluded.grade, excluded.team, excluded.pdu, excluded.email)
		    or s.gone_at is not null`,
		pgx.NamedArgs{"codes": codes, "names": names, "roles": roles, "grades": grades,
			"teams": inTeams, "pdus": pdus, "emails": emails, "guessed": guessed})
	return err
}

// requalify gives the incoming rows the codes under which the register keeps
// what they name.
func requalify(ctx context.Context, tx pgx.Tx, column string, renames map[place]string) error {
	var codes, pdus, kept []string
	for _, at := range sorted(renames) {
		codes, pdus, kept = append(codes, at.code), append(pdus, at.pdu), append(kept, renames[at])
	}
	if len(codes) == 0 {
		return nil
	}
	column = pgx.Identifier{column}.Sanitize()
	_, err := tx.Exec(ctx, `
		update incoming i
		   set `+column+` = r.kept
		  from unnest(@codes::text[], @pdus::text[], @kept::text[]) as r(code, pdu, kept)
		 where i.`+column+` = r.code
		   and i.pdu = r.pdu`,
		pgx.NamedArgs{"codes": codes, "pdus": pdus, "kept": kept})
	return err
}

func sorted[T any](m map[place]T) []place {
	return slices.SortedFunc(maps.Keys(m), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.pdu, b.pdu))
	})
}

// staffGone marks staff whom a complete extract no longer names. It runs after
// the people, since somebody whose row was rejected keeps their practitioner.
func (d *directory) staffGone(ctx context.Context, tx pgx.Tx) (int, error) {
	var heads []string // they own no cases, so only the rows can name them
	for at, t := range d.staff {
		if t.role == "head" {
			heads = append(heads, at.code, at.code+"-"+at.pdu)
		}
	}
	tag, err := tx.Exec(ctx, `
		update staff s
		   set gone_at = now(),
		       changed_at = now()
		 where s.gone_at is null
		   and s.code <> all(@heads::text[])
		   and not s.listed
		   and not `+named,
		pgx.NamedArgs{"heads": append(heads, "")})
	return int(tag.RowsAffected()), err
}
