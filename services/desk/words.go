package desk

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/reportable-incidents/reportable/services/postgres"
)

//go:embed words/*.json
var wordFiles embed.FS

//go:embed *.gohtml
var pageFiles embed.FS

// languages are those of a Welsh public service, the default first.
//
// The Welsh was reviewed by us, and a native reader is still wanted. It keeps to
// these terms, so that one thing has one name:
//
//	person on probation       person ar brawf     never ar brawf for a trial: cynnig arall
//	probation delivery unit   uned gyflawni prawf (feminine); senior probation officer: uwch swyddog prawf
//	practitioner              ymarferydd          case administrator: gweinyddwr achosion
//	police, force             yr heddlu, heddlu   British Transport Police: Heddlu Trafnidiaeth Prydain
//	risk of serious harm      risg o niwed difrifol; RoSH on a badge, as the case record has it
//	match                     pâr, parau for what is counted; paru for the finding and the act
//	action                    cam (masculine: dau gam, tri cham); stage: carreg filltir
//	verdict                   dyfarniad           decision: penderfyniad
//	flag on a case            baner, baneri       a flagged decision: wedi'i nodi
//	recall                    galw'n ôl           retract, withdraw: tynnu'n ôl
//	escalate                  uwchgyfeirio        countersign: cydlofnodi
//	cover                     cyflenwi            acknowledge: cydnabod
//
// Yes and no answer the verb of their question (Ydy, Nac ydy; Ie, Nage), so each
// question has its own. Counted nouns stand in the singular and mutate: soft after
// two, aspirate after three and six, which are the forms few and many.
var languages = []string{"en", "cy"}

// words say everything in one language. A key that counts has one text for
// each plural form of the language: key.one, key.other …
type words struct {
	lang string
	tag  language.Tag
	text map[string]string
	zone *time.Location
}

func readWords(lang string, zone *time.Location) (words, error) {
	w := words{lang: lang, tag: language.MustParse(lang), text: map[string]string{}, zone: zone}
	b, err := wordFiles.ReadFile("words/" + lang + ".json")
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(b, &w.text); err != nil {
		return w, fmt.Errorf("read words/%s.json: %w", lang, err)
	}
	return w, nil
}

// say is the text of a key, with the values of name, value, name, value … in
// place of {name}. A key that is missing is shown as itself, and a test finds it.
func (w words) say(key string, with ...any) string {
	text, ok := w.text[key]
	if !ok {
		return key
	}
	for i := 0; i+1 < len(with); i += 2 {
		text = strings.ReplaceAll(text, "{"+fmt.Sprint(with[i])+"}", fmt.Sprint(with[i+1]))
	}
	return text
}

var forms = map[plural.Form]string{
	plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many",
}

// count is the text of a key in the plural form of n, which replaces {n}.
// What was counted no further has a text of its own, key.more.
func (w words) count(key string, n int, with ...any) string {
	if more, ok := w.text[key+".more"]; ok && n > postgres.CountedTo {
		return more
	}
	form := forms[plural.Cardinal.MatchPlural(w.tag, n, 0, 0, 0, 0)]
	if _, ok := w.text[key+"."+form]; !ok {
		form = "other"
	}
	return w.say(key+"."+form, append([]any{"n", n}, with...)...)
}

// either is the text of area.code, or the code itself where it is free text
// that police or the case record may give.
func (w words) either(area string, code any) string {
	s := fmt.Sprint(code)
	if text, ok := w.text[area+"."+s]; ok {
		return text
	}
	return s
}

// day is 9 March 2026.
func (w words) day(t time.Time) string {
	t = t.In(w.zone)
	return fmt.Sprintf("%d %s %d", t.Day(), w.say(fmt.Sprintf("month.%d", t.Month())), t.Year())
}

// clock is 3:04pm, as the style guide of GOV.UK has it.
func (w words) clock(t time.Time) string {
	t = t.In(w.zone)
	half := w.say("time.am")
	if t.Hour() >= 12 {
		half = w.say("time.pm")
	}
	hour := t.Hour() % 12
	if hour == 0 {
		hour = 12
	}
	if t.Minute() == 0 {
		return fmt.Sprintf("%d%s", hour, half)
	}
	return fmt.Sprintf("%d:%02d%s", hour, t.Minute(), half)
}

// moment is 9 March 2026 at 3:04pm.
func (w words) moment(t time.Time) string {
	return w.say("time.moment", "day", w.day(t), "clock", w.clock(t))
}

// due says when something is due, in words and never by colour alone.
func (w words) due(due, now time.Time) string {
	if due.Before(now) {
		return w.say("due.overdue", "span", w.span(now.Sub(due)))
	}
	today, tomorrow := now.In(w.zone), now.In(w.zone).AddDate(0, 0, 1)
	switch {
	case due.Sub(now) < time.Hour:
		return w.say("due.in", "span", w.span(due.Sub(now)))
	case sameDay(due.In(w.zone), today):
		return w.say("due.today", "clock", w.clock(due))
	case sameDay(due.In(w.zone), tomorrow):
		return w.say("due.tomorrow", "clock", w.clock(due))
	}
	return w.say("due.on", "day", w.day(due), "clock", w.clock(due))
}

// span is a length of time in its largest unit.
func (w words) span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return w.count("span.minutes", max(1, int(d.Minutes())))
	case d < 48*time.Hour:
		return w.count("span.hours", int(d.Hours()))
	}
	return w.count("span.days", int(d.Hours()/24))
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}

// readPages parses each page with the layout, once for each language.
func readPages(zone *time.Location) (map[string]words, map[string]map[string]*template.Template, error) {
	spoken := map[string]words{}
	all := map[string]map[string]*template.Template{}
	names, err := fs.Glob(pageFiles, "*.gohtml")
	if err != nil {
		return nil, nil, err
	}
	for _, lang := range languages {
		w, err := readWords(lang, zone)
		if err != nil {
			return nil, nil, err
		}
		spoken[lang] = w
		shared, err := template.New("").Funcs(w.functions()).ParseFS(pageFiles, "layout.gohtml", "parts.gohtml")
		if err != nil {
			return nil, nil, fmt.Errorf("read the layout: %w", err)
		}
		all[lang] = map[string]*template.Template{}
		for _, name := range names {
			page, err := template.Must(shared.Clone()).ParseFS(pageFiles, name)
			if err != nil {
				return nil, nil, fmt.Errorf("read the page %s: %w", name, err)
			}
			all[lang][strings.TrimSuffix(name, ".gohtml")] = page
		}
	}
	return spoken, all, nil
}

func (w words) functions() template.FuncMap {
	funcs := template.FuncMap{
		"t":      w.say,
		"tn":     w.count,
		"or_raw": w.either,
		"day":    w.day,
		"moment": w.moment,
		"clock":  w.clock,
		"span":   w.span,
		"due":    w.due,
		"lang":   func() string { return w.lang },
		"upto":   upTo,
		"int":    func(n int64) int { return int(n) },
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}
	maps.Copy(funcs, views(w))
	return funcs
}

// upTo is a count as a figure, with a plus where it was counted no further.
func upTo(n int) string {
	if n > postgres.CountedTo {
		return fmt.Sprintf("%d+", postgres.CountedTo)
	}
	return fmt.Sprint(n)
}
