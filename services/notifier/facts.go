package notifier

import (
	"fmt"
	"hash/fnv"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/reportable-incidents/reportable/services/casework"
)

// What a condition may ask of. There is no name, address or free text among it:
// what a rule looked at is kept on the action.
type (
	incidentFacts struct {
		Force           string   `cel:"force"`
		Kind            string   `cel:"kind"` // arrest or incident
		Type            string   `cel:"type"`
		DASH            string   `cel:"dash"` // standard, medium, high or empty
		DomesticAbuse   bool     `cel:"domesticAbuse"`
		ChildrenPresent bool     `cel:"childrenPresent"`
		Children        bool     `cel:"children"` // present or named
		Factors         []string `cel:"factors"`
		Redacted        bool     `cel:"redacted"`       // no party is named
		NewParty        bool     `cel:"newParty"`       // somebody in it whom the case does not know
		InZone          bool     `cel:"inZone"`         // where the person may not be
		Disposal        string   `cel:"disposal"`       // of the person's own arrest
		Revision        int      `cel:"revision"`       // 1 is the first
		OutcomeOfDVDS   bool     `cel:"outcomeOfDVDS"`  // police say that a disclosure was made or refused
		Classification  string   `cel:"classification"` // the force's own
	}
	personFacts struct {
		RoSH              string     `cel:"rosh"` // low, medium, high, very_high or empty
		MAPPA             mappaFacts `cel:"mappa"`
		Registers         []string   `cel:"registers"`
		OrderType         string     `cel:"orderType"`
		VictimContact     string     `cel:"victimContact"` // vlo, daso or empty
		Custody           bool       `cel:"custody"`
		Recalled          bool       `cel:"recalled"`
		UnlawfullyAtLarge bool       `cel:"unlawfullyAtLarge"`
		Warrant           bool       `cel:"warrant"`
		Scheme            string     `cel:"scheme"` // reset, impact or empty
		Licence           int        `cel:"licence"`
		Zones             int        `cel:"zones"`
		CivilOrders       int        `cel:"civilOrders"`
		Bail              int        `cel:"bail"`
		Children          int        `cel:"children"` // how many the case knows
		Victims           int        `cel:"victims"`
		Restricted        bool       `cel:"restricted"`
		Team              string     `cel:"team"`
		PDU               string     `cel:"pdu"`
		days              []int      // how long ago each other incident was
	}
	mappaFacts struct {
		Category int `cel:"category"`
		Level    int `cel:"level"`
	}
	involvementFacts struct {
		Role     string   `cel:"role"`  // in the match that the work is about
		Roles    []string `cel:"roles"` // in all live matches of the person
		Arrested bool     `cel:"arrested"`
	}
	matchFacts struct {
		Sure        bool   `cel:"sure"` // certain, or confirmed
		Band        string `cel:"band"`
		State       string `cel:"state"`
		Confirmed   bool   `cel:"confirmed"`
		Judged      bool   `cel:"judged"`
		Transferred bool   `cel:"transferred"` // one that has ended, too
		Ending      string `cel:"ending"`      // retracted, withdrawn, dismissed, superseded; empty while one lives
		Sample      int    `cel:"sample"`      // 0 to 99, the same for a concern for ever
	}
	decisionFacts struct {
		Recorded    bool   `cel:"recorded"`
		Outcome     string `cel:"outcome"`
		RiskChanged bool   `cel:"riskChanged"`
		Consulted   bool   `cel:"consulted"` // a manager was
	}
	enquiryFacts struct {
		Open       int  `cel:"open"`       // put to police because of it, and not answered
		Unread     int  `cel:"unread"`     // what police told that nobody has read
		Disclosure bool `cel:"disclosure"` // police said what became of a disclosure, for good
	}
	clockFacts struct {
		Working bool `cel:"working"` // the office is open
		// Unattended says that nobody has acknowledged anything about it.
		Unattended bool `cel:"unattended"`
	}
)

// terms are the variables of conditions, typed, so that a misspelt one is
// refused when the policy is read and not when it is needed.
var terms = map[string]reflect.Type{
	"incident":    reflect.TypeFor[incidentFacts](),
	"person":      reflect.TypeFor[personFacts](),
	"involvement": reflect.TypeFor[involvementFacts](),
	"match":       reflect.TypeFor[matchFacts](),
	"decision":    reflect.TypeFor[decisionFacts](),
	"enquiry":     reflect.TypeFor[enquiryFacts](),
	"now":         reflect.TypeFor[clockFacts](),
}

func newEnvironment() (*cel.Env, error) {
	options := []cel.EnvOption{cel.Variable("priority", cel.StringType)}
	native := []any{ext.ParseStructTags(true), reflect.TypeFor[mappaFacts]()}
	for name, t := range terms {
		native = append(native, t)
		options = append(options, cel.Variable(name, cel.ObjectType(t.String())))
	}
	person := cel.ObjectType(terms["person"].String())
	options = append([]cel.EnvOption{ext.NativeTypes(native...)}, options...)
	options = append(options, cel.Function("incidents",
		// person.incidents(90): how many other incidents in the last 90 days.
		cel.MemberOverload("person_incidents", []*cel.Type{person, cel.IntType}, cel.IntType,
			cel.BinaryBinding(func(who, within ref.Val) ref.Val {
				p, ok := who.Value().(*personFacts)
				days, isInt := within.(types.Int)
				if !ok || !isInt {
					return types.NewErr("incidents is asked of a person, with a number of days")
				}
				n := 0
				for _, d := range p.days {
					if d <= int(days) {
						n++
					}
				}
				return types.Int(n)
			}))))
	return cel.NewEnv(options...)
}

// chain finds the facts that a condition looks at.
var chain = regexp.MustCompile(`\b(incident|person|involvement|match|decision|enquiry|now)(\.[a-zA-Z]+)+(\(\d+\))?|\bpriority\b`)

// compile reads a condition. Its error has the column.
func compile(env *cel.Env, source string) (condition, error) {
	c := condition{source: source}
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		e := issues.Errors()[0]
		return c, fmt.Errorf("column %d: %s", e.Location.Column()+1, e.Message)
	}
	if ast.OutputType() != cel.BoolType {
		return c, fmt.Errorf("gives a %s, and has to be true or false", ast.OutputType())
	}
	var err error
	if c.run, err = env.Program(ast, cel.CostLimit(10_000)); err != nil {
		return c, err
	}
	for _, fact := range chain.FindAllString(source, -1) {
		if slices.ContainsFunc(c.values, func(v value) bool { return v.source == fact }) {
			continue
		}
		ast, issues := env.Compile(fact)
		if issues.Err() != nil {
			continue // a word in a string, not a fact
		}
		run, err := env.Program(ast)
		if err != nil {
			return c, err
		}
		c.values = append(c.values, value{fact, run})
	}
	return c, nil
}

// asks says whether the rule asks for something, and which values made it so.
func (c condition) asks(v *view) (bool, map[string]string) {
	out, _, err := c.run.Eval(v.bindings())
	if err != nil || out != types.True {
		if c.also != nil {
			return c.also.asks(v)
		}
		return false, nil
	}
	why := make(map[string]string, len(c.values))
	for _, fact := range c.values {
		out, _, err := fact.run.Eval(v.bindings())
		switch {
		case err != nil:
		case slices.Contains(freeText, fact.source):
			why[fact.source] = "as police gave it" // what a force types is nobody's to repeat
		default:
			why[fact.source] = inWords(out)
		}
	}
	return true, why
}

var freeText = []string{"incident.disposal", "incident.classification", "incident.type"}

// factors that are known; another may be anything that was typed.
var factors = []string{"alcohol", "drugs", "mental-health", "weapon"}

func inWords(v ref.Val) string {
	if list, ok := v.Value().([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(v.Value())
}

// bindings are the facts of the concern, made once.
func (v *view) bindings() map[string]any {
	if v.bound != nil {
		return v.bound
	}
	r, p := &v.Report, &v.Subject
	decided, recorded := v.decision()
	roles := make([]string, 0, len(v.live))
	for _, f := range v.live {
		if !slices.Contains(roles, string(f.Role)) {
			roles = append(roles, string(f.Role))
		}
	}
	transferred := slices.ContainsFunc(v.Matches, func(f casework.MatchStanding) bool { return !f.TransferredAt.IsZero() })
	arrested, disposal := v.arrest()
	v.bound = map[string]any{
		"priority": string(v.priority),
		"incident": &incidentFacts{
			Force: r.Force, Kind: string(r.Kind), Type: r.Type, DASH: string(r.DASH), DomesticAbuse: r.DomesticAbuse,
			ChildrenPresent: r.ChildrenPresent, Children: r.InvolvesChildren(), Factors: known(r.Factors), Redacted: r.Redacted,
			NewParty: v.newParty(), InZone: v.inZone(), Disposal: disposal, Revision: v.Revision,
			Classification: r.Classification, OutcomeOfDVDS: slices.Contains(r.ActionsTaken, "dvds-outcome"),
		},
		"person": &personFacts{
			RoSH: string(p.RoSH), MAPPA: mappaFacts{p.MAPPA.Category, p.MAPPA.Level}, Registers: orNone(p.Registers),
			OrderType: p.OrderType, VictimContact: p.VictimContact, Custody: p.Circumstances.Custody, Recalled: p.Circumstances.Recalled,
			UnlawfullyAtLarge: p.Circumstances.UnlawfullyAtLarge, Warrant: p.Circumstances.Warrant, Scheme: p.Circumstances.Scheme,
			Licence: len(p.Circumstances.Licence), Zones: len(p.Circumstances.Zones), CivilOrders: len(p.Circumstances.CivilOrders),
			Bail: len(p.Circumstances.Bail), Children: len(p.Circumstances.Children), Victims: len(p.Circumstances.Victims), Restricted: p.Restricted,
			Team: p.Team, PDU: p.PDU, days: v.daysAgo(),
		},
		"involvement": &involvementFacts{Role: string(v.lead.Role), Roles: roles, Arrested: arrested},
		"match": &matchFacts{
			Sure: v.confirmed || v.band() == casework.Certain, Band: string(v.band()), State: string(v.lead.State), Confirmed: v.confirmed, Judged: !v.lead.JudgedAt.IsZero(),
			Transferred: transferred, Ending: v.ending, Sample: v.sample(),
		},
		"decision": &decisionFacts{
			Recorded: recorded, Outcome: string(decided.Outcome), RiskChanged: decided.RiskChanged, Consulted: decided.ManagerConsulted != "",
		},
		"enquiry": &enquiryFacts{Open: len(v.asked()), Unread: len(v.unread()), Disclosure: v.disclosed()},
		"now":     &clockFacts{Working: v.calendar.IsWorking(v.now), Unattended: v.unattended()},
	}
	return v.bound
}

func known(given []string) []string {
	return slices.DeleteFunc(slices.Clone(orNone(given)), func(f string) bool { return !slices.Contains(factors, f) })
}

func orNone(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// band is the surest of the live matches.
func (v *view) band() casework.Band {
	for _, b := range []casework.Band{casework.Certain, casework.Probable} {
		for _, f := range v.live {
			if f.Band == b {
				return b
			}
		}
	}
	return v.lead.Band
}

// arrest is whether the person was arrested in the incident, and what became of it.
func (v *view) arrest() (bool, string) {
	for i, p := range v.Report.Persons {
		for _, f := range v.Matches {
			if f.Involvement == v.number(i) && (p.Role == casework.RoleArrested || p.Arrest != nil) {
				if p.Arrest != nil {
					return true, strings.ToLower(strings.TrimSpace(p.Arrest.Disposal))
				}
				return true, ""
			}
		}
	}
	return v.lead.Role == casework.RoleArrested, ""
}

// number is the lasting number of the i-th person of the report.
func (v *view) number(i int) int {
	if i < len(v.Involvements) {
		return v.Involvements[i]
	}
	return i + 1
}

// newParty: a grown-up party of the incident, not the person, whom the case does
// not name as a victim. It may be a new relationship that nobody knows of.
func (v *view) newParty() bool {
	known := map[string]bool{}
	for _, name := range v.Subject.Circumstances.Victims {
		known[plainName(name)] = true
	}
	for i, p := range v.Report.Persons {
		self := slices.ContainsFunc(v.Matches, func(f casework.MatchStanding) bool { return f.Involvement == v.number(i) })
		if self || p.Role == casework.RoleChild || p.Role == casework.RoleWitness || !p.Named() {
			continue
		}
		if !known[plainName(p.Forenames+" "+p.Surname)] {
			return true
		}
	}
	return false
}

// plainName is a name without regard to the order and spelling of its words.
func plainName(s string) string {
	words := strings.Fields(strings.ToLower(strings.NewReplacer(",", " ", "-", " ", "'", "", "’", "").Replace(s)))
	slices.Sort(words)
	return strings.Join(words, " ")
}

// inZone: the incident's postcode is in an exclusion zone of the case, given as
// a postcode, a sector or a district.
func (v *view) inZone() bool {
	at := squeezed(v.Report.Location.Postcode)
	if at == "" {
		return false
	}
	for _, z := range v.Subject.Circumstances.Zones {
		zone := squeezed(z)
		if zone == "" || !strings.HasPrefix(at, zone) {
			continue
		}
		// CF1 is not a part of CF11, so a district ends where the inward part begins.
		if rest := len(at) - len(zone); rest <= 3 {
			return true
		}
	}
	return false
}

func squeezed(postcode string) string {
	return strings.ToUpper(strings.ReplaceAll(postcode, " ", ""))
}

func (v *view) daysAgo() []int {
	days := make([]int, len(v.Earlier))
	for i, t := range v.Earlier {
		days[i] = int(v.Report.OccurredFrom.Sub(t) / (24 * time.Hour))
	}
	return days
}

// sample spreads concerns evenly and for ever.
func (v *view) sample() int {
	h := fnv.New32a()
	fmt.Fprint(h, v.Incident, " ", v.Person)
	return int(h.Sum32() % 100)
}

// unattended: nobody has acknowledged anything about it.
func (v *view) unattended() bool {
	return !slices.ContainsFunc(v.Actions, func(a casework.Action) bool { return a.Rule != OutOfHours && !a.AckedAt.IsZero() }) && v.lead.JudgedAt.IsZero()
}
