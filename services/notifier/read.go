package notifier

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/reportable-incidents/reportable/deploy"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Default is the policy that ships: a sensible start, not legal advice.
var Default = sync.OnceValue(func() *Policy {
	p, err := read(deploy.Policy, nil)
	if err != nil {
		panic("notifier: the embedded policy: " + err.Error()) // a test reads it
	}
	return p
})

// ReadPolicy reads a policy file. Everything that is wrong with it is in the
// error, each with its line. What the shipped policy says about safeguarding,
// victims and escalation is a floor: it may be tightened and widened, and
// nothing can be set below it.
func ReadPolicy(r io.Reader) (*Policy, error) {
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	return read(b, Default())
}

// ReadPolicyFile reads the policy at the path; the one that ships for none.
func ReadPolicyFile(path string) (*Policy, error) {
	if path == "" {
		return Default(), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	defer f.Close()
	p, err := ReadPolicy(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// policyFileState is what a policy file was like when it was last read.
type policyFileState struct {
	path string
	at   time.Time
	size int64
}

// note looks at the file and says whether it has changed since.
func (f *policyFileState) note() bool {
	if f.path == "" {
		return false
	}
	info, err := os.Stat(f.path)
	if err != nil || info.ModTime().Equal(f.at) && info.Size() == f.size {
		return false // a file that is away for a moment is being replaced
	}
	f.at, f.size = info.ModTime(), info.Size()
	return true
}

// Policy is the one that runs.
func (n *Notifier) Policy() *Policy { return n.policies.Load() }

// Reload takes the policy file again when it has changed. One that is refused
// leaves the running policy as it is, and is shown until it is mended.
func (n *Notifier) Reload() {
	if !n.file.note() {
		return
	}
	p, err := ReadPolicyFile(n.file.path)
	if err != nil {
		n.metrics.refused.Set(1)
		n.log.Error("the changed policy is refused; the one before goes on", "error", err)
		return
	}
	n.metrics.refused.Set(0)
	if before := n.policies.Swap(p); before.Digest != p.Digest {
		n.log.Info("the policy has changed", "from", before.Digest, "to", p.Digest)
	}
}

// The file, as YAML has it.
type (
	policyFile struct {
		Version int                             `yaml:"version"`
		Hours   hoursFile                       `yaml:"hours"`
		Clocks  map[string]map[string]clockFile `yaml:"clocks"`
		Steps   map[string][]stepFile           `yaml:"steps"`
		Rules   []ruleFile                      `yaml:"rules"`
		PDUs    map[string]localFile            `yaml:"pdus"`
	}
	hoursFile struct {
		Open  string `yaml:"open"`
		Close string `yaml:"close"`
		line  int
	}
	clockFile struct {
		Acknowledge spanFile `yaml:"acknowledge"`
		Decide      spanFile `yaml:"decide"`
	}
	spanFile struct {
		Span
		given bool
	}
	stepFile struct {
		If    string `yaml:"if"`
		After string `yaml:"after"`
		Tell  string `yaml:"tell"`
		line  int
	}
	ruleFile struct {
		Name   string    `yaml:"name"`
		Title  string    `yaml:"title"`
		Owner  string    `yaml:"owner"`
		ItemOf string    `yaml:"item_of"`
		When   yaml.Node `yaml:"when"`
		Least  string    `yaml:"priority"`
		Done   string    `yaml:"done"`
		Ended  bool      `yaml:"ended"`
		Reasks bool      `yaml:"asks_again"`
		Clock  string    `yaml:"clock"`
		Steps  string    `yaml:"steps"`
		line   int
	}
	localFile struct {
		Hours  *hoursFile        `yaml:"hours"`
		Clocks map[string]string `yaml:"clocks"` // rule → clock
		Rules  []ruleFile        `yaml:"rules"`
		line   int
	}
)

func (f *hoursFile) UnmarshalYAML(n *yaml.Node) error {
	type plain hoursFile
	f.line = n.Line
	return strictly(n, (*plain)(f), "open", "close")
}

func (f *clockFile) UnmarshalYAML(n *yaml.Node) error {
	type plain clockFile
	return strictly(n, (*plain)(f), "acknowledge", "decide")
}

func (f *stepFile) UnmarshalYAML(n *yaml.Node) error {
	type plain stepFile
	f.line = n.Line
	return strictly(n, (*plain)(f), "if", "after", "tell")
}

func (f *ruleFile) UnmarshalYAML(n *yaml.Node) error {
	type plain ruleFile
	f.line = n.Line
	return strictly(n, (*plain)(f), "name", "title", "owner", "item_of", "when", "priority", "done", "ended", "asks_again", "clock", "steps")
}

func (f *localFile) UnmarshalYAML(n *yaml.Node) error {
	type plain localFile
	f.line = n.Line
	return strictly(n, (*plain)(f), "hours", "clocks", "rules")
}

// strictly decodes a mapping that may have these keys and no others: a
// misspelt key would be a rule that silently does less.
func strictly(n *yaml.Node, to any, keys ...string) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: has to be a mapping of %s", n.Line, strings.Join(keys, ", "))
	}
	for i := 0; i < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(keys, k.Value) {
			return fmt.Errorf("line %d: %q is not known here; known are %s", k.Line, k.Value, strings.Join(keys, ", "))
		}
	}
	return n.Decode(to)
}

var spanForm = regexp.MustCompile(`^(?:(\d+) (?:working )?days?|([0-9hms]+))( elapsed)?$`)

func (f *spanFile) UnmarshalYAML(n *yaml.Node) error {
	m := spanForm.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		return fmt.Errorf(`line %d: %q is not a time; write 30m, 4h, 2 days, or 30m elapsed for time that runs at night too`, n.Line, n.Value)
	}
	f.given = true
	f.Elapsed = m[3] != ""
	if m[1] != "" {
		f.Days, _ = strconv.Atoi(m[1]) // digits by the expression
		if f.Elapsed {
			f.Days, f.For = 0, time.Duration(f.Days)*24*time.Hour
		}
	} else {
		d, err := time.ParseDuration(m[2])
		if err != nil {
			return fmt.Errorf("line %d: %q is not a time: %w", n.Line, n.Value, err)
		}
		f.For = d
	}
	if f.Days == 0 && f.For == 0 {
		return fmt.Errorf("line %d: a time of nothing at all", n.Line)
	}
	return nil
}

// reader gathers what is wrong, so that somebody mends a file in one go.
type reader struct {
	file   policyFile
	env    *cel.Env
	wrong  []error
	clocks map[string]map[casework.Priority]Clock
	steps  map[string][]StepRule
	floor  *Policy
}

func (r *reader) refuse(line int, format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...)))
}

func read(b []byte, floor *Policy) (*Policy, error) {
	r := &reader{floor: floor}
	var document yaml.Node
	err := yaml.Unmarshal(b, &document)
	if err == nil && len(document.Content) == 0 {
		err = errors.New("line 1: the file is empty")
	}
	if err == nil {
		top := document.Content[0]
		err = strictly(top, &r.file, "version", "hours", "clocks", "steps", "rules", "pdus")
	}
	if err == nil && r.file.Version != 1 {
		err = fmt.Errorf("line 1: version %d is not understood; this program reads version 1", r.file.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("the policy is refused: %w", unwrapYAML(err))
	}
	if r.env, err = newEnvironment(); err != nil {
		return nil, fmt.Errorf("make the terms of conditions: %w", err)
	}
	sum := sha256.Sum256(b)
	p := &Policy{PDUs: map[string]*Local{}, Digest: hex.EncodeToString(sum[:8])}
	shipped := casework.EnglandAndWales()
	if floor != nil {
		shipped = floor.Calendar
	}
	p.Calendar = r.calendar(shipped, r.file.Hours)
	r.readClocks()
	r.readSteps()
	p.Rules = r.rules(r.file.Rules, nil)
	if floor != nil {
		r.keepFloor(p)
	}
	for pdu, l := range r.file.PDUs {
		p.PDUs[pdu] = r.local(p, l)
	}
	if len(r.wrong) > 0 {
		return nil, fmt.Errorf("the policy is refused:\n  %w", joined(r.wrong))
	}
	return p, nil
}

// unwrapYAML gives the decoder's complaints without its preamble.
func unwrapYAML(err error) error {
	return errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:\n  "))
}

func joined(all []error) error {
	slices.SortStableFunc(all, func(a, b error) int { return lineOf(a) - lineOf(b) })
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = e.Error()
	}
	return errors.New(strings.Join(lines, "\n  "))
}

func lineOf(err error) int {
	var n int
	fmt.Sscanf(err.Error(), "line %d:", &n)
	return n
}

func (r *reader) calendar(of *casework.Calendar, h hoursFile) *casework.Calendar {
	if h == (hoursFile{}) {
		return of
	}
	open, errOpen := time.Parse("15:04", h.Open)
	shut, errShut := time.Parse("15:04", h.Close)
	if errOpen != nil || errShut != nil {
		r.refuse(h.line, `hours are written as open: "09:00" and close: "17:00"`)
		return of
	}
	midnight := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	c, err := of.With(casework.Hours{Open: open.Sub(midnight), Close: shut.Sub(midnight)})
	if err != nil {
		r.refuse(h.line, "%v", err)
		return of
	}
	// Clocks are in working hours: in a shorter day each of them is a later one.
	if c.DayLength() < of.DayLength() {
		r.refuse(h.line, "a day of %s gives everything more time than one of %s, which may be moved and not shortened", c.DayLength(), of.DayLength())
		return of
	}
	return c
}

var priorities = []casework.Priority{casework.Urgent, casework.High, casework.Standard}

func (r *reader) readClocks() {
	r.clocks = map[string]map[casework.Priority]Clock{}
	for name, by := range r.file.Clocks {
		clock := map[casework.Priority]Clock{}
		for _, p := range priorities {
			c, ok := by[string(p)]
			if !ok || !c.Acknowledge.given || !c.Decide.given {
				r.refuse(1, "clock %s: needs acknowledge and decide for %s", name, p)
			}
			clock[p] = Clock{c.Acknowledge.Span, c.Decide.Span}
		}
		for p := range by {
			if !slices.Contains(priorities, casework.Priority(p)) {
				r.refuse(1, "clock %s: %q is not a priority; they are urgent, high and standard", name, p)
			}
		}
		r.clocks[name] = clock
	}
}

var targets = map[string]casework.OwnerRole{
	"owner": "", "practitioner": casework.Practitioner, "administrator": casework.Administrator, "manager": casework.Manager,
	"head": casework.HeadOfPDU, "victim_staff": casework.VictimStaff, "duty_officer": casework.DutyOfficer,
}

// owners may own an action: those who can be told, and whoever asked police.
var owners = func() map[string]casework.OwnerRole {
	all := maps.Clone(targets)
	all["asker"] = asker
	return all
}()

func (r *reader) readSteps() {
	r.steps = map[string][]StepRule{}
	for name, all := range r.file.Steps {
		for _, s := range all {
			kind := casework.StepKind(s.If)
			if kind != casework.Unacknowledged && kind != casework.Undecided {
				r.refuse(s.line, "a step is taken if an action is unacknowledged or undecided, not %q", s.If)
			}
			to, ok := targets[s.Tell]
			if !ok {
				r.refuse(s.line, "%q cannot be told; owner, practitioner, administrator, manager, head, victim_staff and duty_officer can", s.Tell)
			}
			past := 0.0
			if s.After != "" {
				n, err := strconv.ParseFloat(strings.TrimSuffix(s.After, "%"), 64)
				if err != nil || !strings.HasSuffix(s.After, "%") || n < 0 || n > 1000 {
					r.refuse(s.line, `after is a part of the clock past its deadline, such as 50%%, not %q`, s.After)
				}
				past = n / 100
			}
			r.steps[name] = append(r.steps[name], StepRule{Kind: kind, Target: to, Past: past})
		}
	}
}

func (r *reader) rules(files []ruleFile, before []Rule) []Rule {
	var rules []Rule
	known := func(name string) bool {
		same := func(o Rule) bool { return o.Name == name }
		return slices.ContainsFunc(rules, same) || slices.ContainsFunc(before, same)
	}
	for _, f := range files {
		rule := Rule{Name: f.Name, Title: f.Title, Owner: owners[f.Owner], ItemOf: f.ItemOf, Ended: f.Ended, Reasks: f.Reasks, line: f.line}
		switch {
		case !ruleName.MatchString(f.Name):
			r.refuse(f.line, "a rule needs a name of small letters and underscores, not %q", f.Name)
		case known(f.Name):
			r.refuse(f.line, "there is a rule %s before this one", f.Name)
		}
		if f.Title == "" {
			r.refuse(f.line, "rule %s: needs a title that says what is to be done", f.Name)
		}
		rule.When = r.condition(f)
		if f.ItemOf != "" {
			if f.Owner+f.Clock+f.Steps+f.Done+f.Least != "" || f.Ended || f.Reasks {
				r.refuse(f.line, "rule %s: an item has the owner and the clocks of %s, and none of its own", f.Name, f.ItemOf)
			}
			if !known(f.ItemOf) {
				r.refuse(f.line, "rule %s: is an item of %q, and there is no such rule before it", f.Name, f.ItemOf)
			}
			rules = append(rules, rule)
			continue
		}
		if rule.Owner == "" {
			r.refuse(f.line, "rule %s: %q cannot own an action", f.Name, f.Owner)
		}
		if rule.Clock = r.clocks[f.Clock]; rule.Clock == nil {
			r.refuse(f.line, "rule %s: there is no clock %q", f.Name, f.Clock)
		}
		if rule.Steps = r.steps[f.Steps]; rule.Steps == nil {
			r.refuse(f.line, "rule %s: there are no steps %q", f.Name, f.Steps)
		}
		if rule.Least = casework.Priority(f.Least); f.Least != "" && !slices.Contains(priorities, rule.Least) {
			r.refuse(f.line, "rule %s: %q is not a priority; they are urgent, high and standard", f.Name, f.Least)
		}
		if f.Done != "" {
			rule.done = f.Done
			if rule.Done = done[f.Done]; rule.Done == nil {
				r.refuse(f.line, "rule %s: done is judged, transferred, countersigned, attended, answered, read or disclosed, not %q", f.Name, f.Done)
			}
			rule.OnDecision = f.Done == "countersigned"
		}
		rules = append(rules, rule)
	}
	return rules
}

var ruleName = regexp.MustCompile(`^[a-z][a-z_]{1,60}$`)

func (r *reader) condition(f ruleFile) condition {
	line := f.When.Line
	if f.When.Value == "" {
		r.refuse(f.line, `rule %s: needs a condition; when: "true" is always`, f.Name)
		return condition{}
	}
	c, err := compile(r.env, f.When.Value)
	if err != nil {
		r.refuse(line, "rule %s: %v", f.Name, err)
	}
	c.line = line
	return c
}

func (r *reader) local(p *Policy, f localFile) *Local {
	l := &Local{Calendar: p.Calendar, Clocks: map[string]map[casework.Priority]Clock{}}
	if f.Hours != nil {
		l.Calendar = r.calendar(p.Calendar, *f.Hours)
	}
	for rule, name := range f.Clocks {
		i := slices.IndexFunc(p.Rules, func(o Rule) bool { return o.Name == rule && o.ItemOf == "" })
		clock := r.clocks[name]
		switch {
		case i < 0:
			r.refuse(f.line, "there is no rule %q with a clock to tighten", rule)
		case clock == nil:
			r.refuse(f.line, "rule %s: there is no clock %q", rule, name)
		case slower(clock, p.Rules[i].Clock, l.Calendar) != "":
			r.refuse(f.line, "rule %s: a PDU may tighten a clock, and %s gives more time for %s", rule, name, slower(clock, p.Rules[i].Clock, l.Calendar))
		default:
			l.Clocks[rule] = clock
		}
	}
	l.Rules = r.rules(f.Rules, p.Rules)
	return l
}

// slower names the first priority for which a clock gives more time than another.
func slower(a, b map[casework.Priority]Clock, c *casework.Calendar) casework.Priority {
	for _, p := range priorities {
		if !a[p].Acknowledge.noLongerThan(b[p].Acknowledge, c) || !a[p].Decide.noLongerThan(b[p].Decide, c) {
			return p
		}
	}
	return ""
}
