package simulator

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Person is somebody on the caseload, by number from 0, with their home and
// those who supervise them.
func (w World) Person(number int) casework.CaseRow {
	if number > 0 && w.livesWithTheOneBefore(number) {
		other := w.Person(number - 1)
		return w.person(number, &other)
	}
	return w.person(number, nil)
}

// livesWithTheOneBefore makes one in eighty a relative, at the same address, of
// somebody who is on the caseload too: 2.5% of it have one.
func (w World) livesWithTheOneBefore(number int) bool {
	return number%2 == 1 && w.random(forHousehold, number).IntN(40) == 0
}

func (w World) person(number int, relative *casework.CaseRow) casework.CaseRow {
	r := w.random(forPerson, number)
	var p casework.CaseRow
	p.CRN = w.CRN(number)
	p.Supervised = true
	in := anyArea(r)
	female := r.IntN(100) < 10
	p.Identity = w.identity(r, in, female)
	if relative != nil {
		p.Identity = kin(r, relative.Identity, p.Identity, w.Date)
		in = areaOf(relative.PDU)
	}
	w.identifiers(r, number, &p.Identity)
	if r.IntN(2) == 0 {
		p.NOMS = fmt.Sprintf("%c%04d%c%c", letter(r), r.IntN(10000), letter(r), letter(r))
	}
	w.supervise(r, in, &p)
	p.OrderType = orders.pick(r)
	sentenced := w.Date.Time().AddDate(0, 0, -30-r.IntN(1000))
	started := sentenced.AddDate(0, 0, r.IntN(250))
	if !started.Before(w.Date.Time()) {
		started = w.Date.Time().AddDate(0, 0, -r.IntN(30))
	}
	ends := w.Date.Time().AddDate(0, 0, 20+r.IntN(1200))
	p.SentenceDate, p.SupervisionStart, p.SupervisionEnd = casework.DateOf(sentenced), casework.DateOf(started), casework.DateOf(ends)
	risk(r, &p)
	return p
}

func letter(r *rand.Rand) byte { return byte('A' + r.IntN(26)) }

// ages are the deciles of the caseload's.
var ages = []int{18, 27, 30, 32, 35, 37, 40, 43, 47, 53, 76}

// identity is a person of an area, without identifiers.
func (w World) identity(r *rand.Rand, in int, female bool) casework.Identity {
	var id casework.Identity
	id.Sex = casework.Male
	if female {
		id.Sex = casework.Female
	}
	id.Surname = surname(r)
	id.Forenames = forename(r, female)
	for r.IntN(100) < 56 && strings.Count(id.Forenames, " ") < 2 {
		if next := forename(r, female); !strings.Contains(id.Forenames, next) {
			id.Forenames += " " + next
		}
	}
	first, _, _ := strings.Cut(id.Forenames, " ")
	if r.IntN(100) < 23 {
		id.Aliases = append(id.Aliases, alias(r, first, id.Surname, female))
		if r.IntN(20) == 0 {
			id.Aliases = append(id.Aliases, alias(r, first, id.Surname, female))
		}
	}
	decile := r.IntN(10)
	age := ages[decile] + r.IntN(ages[decile+1]-ages[decile])
	id.DateOfBirth = casework.DateOf(w.Date.Time().AddDate(-age, 0, -1-r.IntN(364)))
	id.Place = home(r, in)
	for r.IntN(100) < 38 && len(id.Previous) < 3 {
		id.Previous = append(id.Previous, casework.Place{Postcode: home(r, in).Postcode})
	}
	return id
}

func alias(r *rand.Rand, first, last string, female bool) string {
	switch r.IntN(5) {
	case 0, 1:
		if short := nicknames[first]; len(short) > 0 {
			return one(r, short) + " " + last
		}
		return first + " " + surname(r)
	case 2:
		return first + " " + surname(r)
	case 3:
		return forename(r, female) + " " + last
	}
	return forename(r, female) + " " + surname(r)
}

// kin makes somebody a relative of another at the same address: a brother or
// sister, a parent or child, or a twin.
func kin(r *rand.Rand, of, who casework.Identity, today casework.Date) casework.Identity {
	who.Surname = of.Surname
	who.Place = of.Place
	who.Aliases = nil
	born := of.DateOfBirth.Time()
	switch n := r.IntN(10); {
	case n == 0: // twins
		who.DateOfBirth = of.DateOfBirth
		return who
	case n < 6: // brothers and sisters
		years, days := 1+r.IntN(7), r.IntN(330)
		if r.IntN(2) == 0 {
			years, days = -years, -days
		}
		born = born.AddDate(years, 0, days)
	default: // parent and child, a third of whom share the first name
		years := 18 + r.IntN(17)
		if today.Year-of.DateOfBirth.Year < years+18 {
			years = -years
		}
		born = born.AddDate(years, 0, r.IntN(330)-165)
		if r.IntN(3) == 0 && who.Sex == of.Sex {
			first, _, _ := strings.Cut(of.Forenames, " ")
			_, rest, _ := strings.Cut(who.Forenames, " ")
			who.Forenames = strings.TrimSpace(first + " " + rest)
		}
	}
	if adult := today.Time().AddDate(-18, 0, -1); born.After(adult) {
		born = adult.AddDate(0, 0, -r.IntN(700))
	}
	who.DateOfBirth = casework.DateOf(born)
	return who
}

// identifiers gives police numbers: all but a few have a PNC, some two, and
// four in five a CRO.
func (w World) identifiers(r *rand.Rand, number int, id *casework.Identity) {
	first := id.DateOfBirth.Year + 14 + r.IntN(12)
	year := min(first, w.Date.Year)
	if r.IntN(100) < 97 {
		// A serial of their own, whatever the year, so that no two share one.
		serial := 1 + int((uint64(number)*6_700_417+w.Seed%9_999_991)%9_999_991)
		id.PNCs = append(id.PNCs, string(casework.NewPNC(year, serial)))
		if r.IntN(100) < 5 {
			later := min(year+1+r.IntN(9), w.Date.Year)
			id.PNCs = append(id.PNCs, string(casework.NewPNC(later, (serial+5_000_000)%9_999_991)))
		}
	}
	if r.IntN(100) < 80 {
		serial := int((uint64(number)*700_001 + w.Seed%999_983) % 999_983)
		id.CROs = append(id.CROs, string(casework.NewCRO(serial+1, year)))
	}
}

var (
	orders = weighted("community_order 40 suspended_sentence_order 26 licence 26 post_sentence_supervision 8")
	roshes = weighted("low 24 medium 52 high 22 very_high 2")
	flags  = weighted("RCCO 24 INVI 18 IMAR 14 WEAP 12 RCHD 8 RCPR 5 ADVV 5 IIOM 6 AV2S 5 STRG 2 WRSM 1")
	mappas = []casework.MAPPA{{Category: 2, Level: 1}, {Category: 2, Level: 1}, {Category: 1, Level: 1}, {Category: 3, Level: 1}, {Category: 2, Level: 2}, {Category: 1, Level: 2}, {Category: 1, Level: 3}}
)

func risk(r *rand.Rand, p *casework.CaseRow) {
	p.RoSH = casework.RoSH(roshes.pick(r))
	flag := func(code string) {
		if !p.HasRegister(code) {
			p.Registers = append(p.Registers, code)
		}
	}
	if r.IntN(100) < 31 {
		flag("ADVP")
	}
	for r.IntN(100) < 40 && len(p.Registers) < 4 {
		flag(flags.pick(r))
	}
	if r.IntN(100) < 19 {
		p.MAPPA = one(r, mappas)
		if p.MAPPA.Category == 1 {
			flag("ARSO")
		}
	}
	p.Restricted = r.IntN(1000) < 6
	switch n := r.IntN(100); {
	case n < 12:
		p.VictimContact = "vlo"
		flag("INVI")
	case n < 20:
		p.VictimContact = "daso"
	}
}

// Teams and staff: a team has about 900 cases and twenty practitioners.
const (
	casesOfTeam   = 900
	practitioners = 20
)

func (w World) teamsIn(in int) int {
	return max(2, int(float64(w.People)*areas[in].share+casesOfTeam/2)/casesOfTeam)
}

func areaOf(pdu string) int {
	for i, a := range areas {
		if a.Code == pdu {
			return i
		}
	}
	return 0
}

func (w World) supervise(r *rand.Rand, in int, p *casework.CaseRow) {
	a := areas[in]
	team := r.IntN(w.teamsIn(in))
	p.PDU, p.PDUName, p.Region = a.Code, a.Name, a.PDU.Region
	p.Team = fmt.Sprintf("%s%cT%02d", a.PDU.Region, 'A'+in, team+1)
	p.TeamName = fmt.Sprintf("%s Team %d", a.Name, team+1)
	base := (in*10_000 + team) * (practitioners + 1)
	p.Manager, p.ManagerName = w.staff(base)
	if r.IntN(100) > 0 { // one in a hundred is not allocated yet
		p.Practitioner, p.PractitionerName = w.staff(base + 1 + r.IntN(practitioners))
	}
	p.EmailDomain = "probation.example"
}

// staff are codes and names of their own, by number.
func (w World) staff(number int) (code, name string) {
	const digits = "0123456789ABCDEFGHJKLMNPQRTUVWXY"
	b := []byte("N03A000")
	n := number
	for i := 6; i > 2; i-- {
		b[i] = digits[n%32]
		n /= 32
	}
	if n > 0 { // beyond a million staff
		b = append(b, digits[n%32])
	}
	r := w.random(forStaff, number)
	return string(b), forename(r, r.IntN(100) < 70) + " " + surname(r)
}
