package desk_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/reportable-incidents/reportable/test/scene"
)

func texts(t *testing.T, lang string) map[string]string {
	t.Helper()
	b, err := os.ReadFile("words/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

var pluralForms = regexp.MustCompile(`\.(zero|one|two|few|many|other|more)$`)

func TestBothLanguagesHaveTheSameKeysAndTheirPlurals(t *testing.T) {
	en, cy := texts(t, "en"), texts(t, "cy")
	counted := map[string]bool{}
	for key := range en {
		if strings.HasSuffix(key, ".one") {
			counted[strings.TrimSuffix(key, ".one")] = true
		}
	}
	plain := func(all map[string]string) (keys []string) {
		for key := range all {
			if base := pluralForms.ReplaceAllString(key, ""); !counted[base] {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		return keys
	}
	for _, key := range plain(en) {
		if cy[key] == "" {
			t.Errorf("cy.json lacks %s", key)
		}
	}
	for _, key := range plain(cy) {
		if en[key] == "" {
			t.Errorf("en.json lacks %s", key)
		}
	}
	for base := range counted {
		for lang, all := range map[string]map[string]string{"en": en, "cy": cy} {
			for _, form := range formsOf(lang) {
				if all[base+"."+form] == "" {
					t.Errorf("%s.json lacks %s.%s", lang, base, form)
				}
			}
		}
	}
	holes := regexp.MustCompile(`\{[a-z]+\}`)
	for key, text := range en {
		if counted[pluralForms.ReplaceAllString(key, "")] {
			continue
		}
		a, b := holes.FindAllString(text, -1), holes.FindAllString(cy[key], -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: the languages take different values: %v and %v", key, a, b)
		}
	}
}

// formsOf are the plural forms that a language really uses for whole numbers.
func formsOf(lang string) []string {
	names := map[plural.Form]string{plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many"}
	seen := map[string]bool{}
	for n := range 120 {
		seen[names[plural.Cardinal.MatchPlural(language.MustParse(lang), n, 0, 0, 0, 0)]] = true
	}
	var forms []string
	for f := range seen {
		forms = append(forms, f)
	}
	return forms
}

func TestEveryKeyIsUsedAndEveryKeyUsedIsThere(t *testing.T) {
	en := texts(t, "en")
	var source strings.Builder
	for _, pattern := range []string{"*.go", "*.gohtml"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") {
				b, _ := os.ReadFile(f)
				source.Write(b)
			}
		}
	}
	text := source.String()
	// Areas of codes are looked up with the code at hand.
	areas := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:key |or_raw |either\()"([a-z.]+)"`).FindAllStringSubmatch(text, -1) {
		areas[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`"([a-z.]+)\.?"\s*\+`).FindAllStringSubmatch(text, -1) {
		areas[strings.TrimSuffix(m[1], ".")] = true
	}
	for _, area := range []string{"month", "mon", "rule", "filter", "problem", "standing", "inspection.seconds", "weekday",
		"detail", "change", "extract", "origin", "sort"} { // the last are of the trail's details
		areas[area] = true
	}
	for key := range en {
		base := pluralForms.ReplaceAllString(key, "")
		area := key[:strings.LastIndex(key, ".")+1]
		used := strings.Contains(text, `"`+key+`"`) || strings.Contains(text, `"`+base+`"`)
		for a := range areas {
			used = used || strings.HasPrefix(key, a+".")
		}
		if !used {
			t.Errorf("nothing uses %s (of %s)", key, area)
		}
	}
	for _, m := range regexp.MustCompile(`\b(t|tn) "([a-z_.]+)"`).FindAllStringSubmatch(text, -1) {
		key := m[2]
		if m[1] == "tn" {
			key += ".other"
		}
		if en[key] == "" {
			t.Errorf("a page says %s, which is not there", key)
		}
	}
	for _, m := range regexp.MustCompile(`"((?:match|decision|countersign|retract|transfer|addresses|action|signin|cover|reassign)\.[a-z_.]*[a-z])"`).FindAllStringSubmatch(text, -1) {
		state := strings.HasPrefix(m[1], "action.") && en["actionstate."+m[1][len("action."):]] != "" // a colour's
		fact := en["why."+m[1]] != ""                                                                 // of the policy
		if en[m[1]] == "" && !areas[m[1]] && !state && !fact {
			t.Errorf("the code says %s, which is not there", m[1])
		}
	}
}

// unmistakable are words that English cannot do without and Welsh does not have.
var unmistakable = regexp.MustCompile(`\b(the|you|with|from|this|that|not|for|been|has|have|are)\b`)

// inTheirWords are the places of what people wrote, which is left as it is.
const inTheirWords = ".desk-prose"

// What a template says goes through the words: nothing stands in it but the
// languages' own names and what another system calls a thing.
func TestNoTemplateHasWordsOfItsOwn(t *testing.T) {
	files, _ := filepath.Glob("*.gohtml")
	hole := regexp.MustCompile(`(?s)\{\{.*?\}\}`) // a hole: what fills it is not the template's own
	word := regexp.MustCompile(`\pL{2,}`)
	own := []string{"English", "Cymraeg", "C204 Police Liaison"}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		page, err := goquery.NewDocumentFromReader(strings.NewReader(hole.ReplaceAllString(string(b), "\x01")))
		if err != nil {
			t.Fatal(err)
		}
		page.Find("*").Not("script").Each(func(_ int, s *goquery.Selection) {
			text := squeeze(strings.ReplaceAll(s.Clone().Children().Remove().End().Text(), "\x01", " "))
			if word.MatchString(text) && !slices.Contains(own, text) {
				t.Errorf("%s says %q in one language", f, text)
			}
			for _, name := range []string{"aria-label", "aria-description", "title", "placeholder", "alt"} {
				if says := s.AttrOr(name, ""); word.MatchString(says) {
					t.Errorf("%s has %s=%q in one language", f, name, says)
				}
			}
		})
	}
	if len(files) < 30 {
		t.Errorf("got %d templates, want all of them", len(files))
	}
}

func TestNothingOnAWelshPageIsLeftInEnglish(t *testing.T) {
	w := open(t)
	ids := everything(w)
	en, cy := texts(t, "en"), texts(t, "cy")
	english := map[string]string{}
	for key, text := range en {
		if cy[key] != text && len(text) > 3 {
			english[text] = key
		}
	}
	same := map[string]bool{}
	for _, text := range cy {
		same[text] = true
	}
	for _, role := range roles {
		u := w.as(t, role)
		u.get("/language/cy")
		for at, page := range pagesFor(w, ids, u) {
			if page.code != http.StatusOK {
				continue
			}
			if lang := page.Find("html").AttrOr("lang", ""); lang != "cy" {
				t.Errorf("%s: the language of the page is %q", at, lang)
			}
			page.Find("body *").Each(func(_ int, s *goquery.Selection) {
				if s.Is("script, [lang=en]") {
					return
				}
				own := squeeze(s.Clone().Children().Remove().End().Text())
				if word := unmistakable.FindString(own); word != "" && s.Closest("[lang=en], "+inTheirWords).Length() == 0 {
					t.Errorf("%s as %s: something is in English, for it says %q", at, role, word)
				}
				if key, ok := english[own]; ok && !same[own] {
					t.Errorf("%s as %s: %s is in English", at, role, key)
				}
				if strings.Contains(own, "{") || regexp.MustCompile(`^[a-z]+(\.[a-z_]+)+$`).MatchString(own) {
					t.Errorf("%s as %s: a key or a hole is shown: %s", at, role, own)
				}
			})
		}
	}
}

// pagesFor gets every page that somebody may read.
func pagesFor(w *world, ids numbers, u *user) map[string]*page {
	all := map[string]*page{}
	for _, r := range w.table(u.T) {
		method, at, _ := strings.Cut(r.Pattern, " ")
		if method != http.MethodGet || strings.HasPrefix(at, "/v1") || strings.Contains(at, "{language}") || strings.Contains(at, "live") || strings.Contains(at, ".csv") || strings.Contains(at, ".json") {
			continue
		}
		at = strings.Replace(ids.Replace(r.Pattern, at), "{code}", "N03S0304", 1)
		all[at] = u.get(at)
	}
	return all
}

func TestTheAPIRefusesInTheLanguageThatIsAskedFor(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	cy, en := texts(t, "cy"), texts(t, "en")
	refused := func(u *user, method, at, accepts string) map[string]any {
		r, err := http.NewRequest(method, w.server.URL+at, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", accepts)
		answer, err := u.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		said := map[string]any{"language": answer.Header.Get("Content-Language")}
		if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		return said
	}
	admin := w.as(t, "administrator")
	for _, c := range []struct {
		who             *user
		method, at, key string
	}{
		{w.visitor(t), "GET", "/v1/me", "signin"},
		{admin, "GET", "/v1/trail", "forbidden"},
		{admin, "GET", "/v1/matches/999999", "notfound"},
		{admin, "GET", "/v1/nowhere", "notfound"},
		{admin, "POST", path("/v1/matches/%d/judgements", m.Match), "invalid"},
	} {
		got := refused(c.who, c.method, c.at, "fr, cy-GB;q=0.9, en;q=0.8")
		if got["title"] != cy["problem."+c.key+".title"] || got["language"] != "cy" {
			t.Errorf("%s: refused with %q in %v, want Welsh", c.at, got["title"], got["language"])
		}
		for _, accepts := range []string{"en-GB, cy;q=0.5", "fr", "%%", ""} {
			if got := refused(c.who, c.method, c.at, accepts); got["title"] != en["problem."+c.key+".title"] || got["language"] != "en" {
				t.Errorf("%s with %q: refused with %q, want English", c.at, accepts, got["title"])
			}
		}
	}
	wrong := refused(admin, "POST", path("/v1/matches/%d/judgements", m.Match), "cy")["errors"].([]any)[0].(map[string]any)
	if wrong["action"] != cy[wrong["reason"].(string)] {
		t.Errorf("the mistake is explained with %q, want Welsh", wrong["action"])
	}
}

// What stands on the trail is a code, so that it means the same for ever; its
// page says it in words. Each code that the program writes has some.
func TestEveryCodeOfTheTrailHasWords(t *testing.T) {
	en := texts(t, "en")
	codes, subjects := map[string]bool{}, map[string]bool{}
	for _, r := range open(t).table(t) {
		codes[r.View] = true
	}
	code := regexp.MustCompile(`"([A-Z]{3,}(?:_[A-Z]+)+)"`)
	subject := regexp.MustCompile(`SubjectType: +"([A-Za-z_]+)"|viewed\("([a-z]+)"`)
	for _, stage := range []string{"postgres", "desk", "feed", "caseload", "matcher", "notifier"} {
		files, _ := filepath.Glob("../" + stage + "/*.go")
		for _, f := range files {
			b, _ := os.ReadFile(f)
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			for _, m := range code.FindAllStringSubmatch(string(b), -1) {
				codes[m[1]] = true
			}
			for _, m := range subject.FindAllStringSubmatch(string(b), -1) {
				subjects[m[1]+m[2]] = true
			}
		}
	}
	delete(codes, "") // pages that show nobody
	delete(codes, "FORCE_KEY")
	delete(codes, "PRIVATE_POSTGRES_HELPER") // how a process is told what it is
	for c := range codes {
		key := "did." + strings.ToLower(c)
		for _, prefix := range []string{"PAGE_VIEW_", "API_READ_", "DOWNLOAD_"} {
			if of, is := strings.CutPrefix(c, prefix); is {
				key = "seen." + strings.ToLower(of)
			}
		}
		if en[key] == "" {
			t.Errorf("the code %s has no words: %s", c, key)
		}
	}
	for s := range subjects {
		if en["about."+strings.ToLower(s)] == "" {
			t.Errorf("what a line may be about, %s, has no words", s)
		}
	}
	if len(codes) < 100 || len(subjects) < 15 {
		t.Errorf("got %d codes and %d subjects, want all of them", len(codes), len(subjects))
	}
}

// Three and six have the aspirate mutation, two has the soft one: c, p and t at
// the head of a counted noun that is masculine cannot stay as they are in all.
func TestWelshNounsMutateAfterTwoThreeAndSix(t *testing.T) {
	cy := texts(t, "cy")
	noun := regexp.MustCompile(`\{n\} ([a-zâêîôûŵŷ]+)`)
	soft, aspirate := map[string]string{"c": "g", "p": "b", "t": "d"}, map[string]string{"c": "ch", "p": "ph", "t": "th"}
	for key, text := range cy {
		base, counted := strings.CutSuffix(key, ".other")
		m := noun.FindStringSubmatch(text)
		if !counted || m == nil || cy[base+".one"] == "" {
			continue
		}
		head := m[1][:1]
		if soft[head] == "" || strings.HasPrefix(m[1], "ch") || strings.HasPrefix(m[1], "ph") || strings.HasPrefix(m[1], "th") {
			continue
		}
		for form, want := range map[string]string{"two": soft[head] + m[1][1:], "few": aspirate[head] + m[1][1:], "many": aspirate[head] + m[1][1:]} {
			if got := cy[base+"."+form]; !strings.Contains(got, " "+want) {
				t.Errorf("%s.%s: got %q, want %q in it", base, form, got, want)
			}
		}
	}
}
