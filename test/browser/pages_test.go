package browser

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// state is a page in one state, as one person sees it. States of one person are
// looked at one after the other, in the order in which they stand.
type state struct {
	name, who, path string
	// do is a script that brings the page into the state, by sending a form for
	// instance, and shows is what is there then and not before.
	do, shows string
	// elsewhere is another desk, where this one never comes into the state.
	elsewhere string
}

// send is a script that sends a form as it stands, with what a browser would
// have asked for missing.
func send(form string) string {
	return fmt.Sprintf(`{const f = document.querySelector(%q); f.noValidate = true; f.querySelectorAll('[required]').forEach(e => e.required = false); f.requestSubmit()}`, form)
}

// filled is a script that fills in a form and sends it.
func filled(form string, values ...string) string {
	script := fmt.Sprintf(`{const f = document.querySelector(%q); const set = (n, v) => {
		for (const e of f.querySelectorAll('[name="' + n + '"]')) if (e.type === 'radio' || e.type === 'checkbox') e.checked = e.value === v; else e.value = v};`, form)
	for i := 0; i+1 < len(values); i += 2 {
		script += fmt.Sprintf("set(%q, %q);", values[i], values[i+1])
	}
	return script + "f.requestSubmit()}"
}

// Every state is looked at in English on a desk, and every page in Welsh on a
// phone, where it has least room. With SCREENSHOTS every state is looked at in
// both languages at both widths: four times the work, for `make screenshots`.
func TestScreenshotsAndAccessibilityOfEveryPage(t *testing.T) {
	w := open(t)
	states := stage(w)
	firsts := everyPage(t, w, states)
	byWhom := map[string][]state{}
	var order []string
	for _, s := range states {
		who := s.who + "@" + s.elsewhere
		if byWhom[who] == nil {
			order = append(order, who)
		}
		byWhom[who] = append(byWhom[who], s)
	}
	for _, lang := range []string{"en", "cy"} {
		for _, who := range order {
			mine, shapes := byWhom[who], []shape{wide, narrow}
			if os.Getenv("SCREENSHOTS") == "" {
				shapes = []shape{wide}
				if lang == "cy" {
					mine, shapes = slices.DeleteFunc(slices.Clone(mine), func(s state) bool { return !firsts[s.name] }), []shape{narrow}
				}
			}
			if len(mine) > 0 {
				t.Run(lang+"/"+mine[0].name, func(t *testing.T) {
					t.Parallel() // tabs wait for the desk most of the time
					w.tab(t, wide).walks(lang, mine, shapes)
				})
			}
		}
	}
}

// walks goes through the states of one person, in one language.
func (b *tab) walks(lang string, states []state, shapes []shape) {
	b.Helper()
	if at := states[0].elsewhere; at != "" {
		there := *b.world
		there.url = at
		b.world = &there
	}
	b.language(lang)
	if who := states[0].who; who != "" {
		b.signIn(who)
	}
	for _, s := range states {
		b.size(shapes[0])
		b.inState(s)
		for n, shape := range shapes {
			if n > 0 {
				b.size(shape)
			}
			name := strings.Join([]string{s.name, shape.name, lang}, "-")
			b.axe(name, n > 0)
			b.fits(name)
			b.picture(name)
		}
	}
}

// inState opens a page and brings it into its state.
func (b *tab) inState(s state) {
	b.Helper()
	b.goTo(s.path)
	if s.do != "" {
		b.do(chromedp.Evaluate[chromedp.Void]("(async () => {" + s.do + "})(); 0"))
	}
	if s.shows != "" {
		b.do(chromedp.WaitReady(css(s.shows)))
	}
	if want, _, _ := strings.Cut(s.path, "?"); s.do == "" && b.path() != s.path && !strings.HasPrefix(b.path(), want) {
		b.Errorf("%s: got to %s", s.name, b.path())
	}
}

// fits reports what is cut off at the side, or makes the page wider than its window.
func (b *tab) fits(name string) {
	b.Helper()
	out := get(b, chromedp.Evaluate[string](`(() => {
		const w = document.documentElement.clientWidth
		if (document.documentElement.scrollWidth <= w) return ''
		return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > w + 1).slice(0, 3).map(e => e.tagName + '.' + e.className).join(' | ') || 'something'
	})()`))
	if out != "" {
		b.Errorf("%s: wider than its window: %s", name, out)
	}
}

// everyPage fails if a page of the router is in no state, and gives the first
// state of each, by name.
func everyPage(t *testing.T, w *world, states []state) (firsts map[string]bool) {
	t.Helper()
	router := http.NewServeMux()
	met := map[string]string{}
	for _, pattern := range w.pages {
		router.HandleFunc("GET "+pattern, func(http.ResponseWriter, *http.Request) {})
	}
	firsts = map[string]bool{}
	for _, s := range states {
		r, err := http.NewRequest(http.MethodGet, s.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, pattern := router.Handler(r); met[pattern] == "" {
			met[pattern], firsts[s.name] = s.name, true
		}
	}
	for _, pattern := range w.pages {
		if met["GET "+pattern] == "" {
			t.Errorf("no state shows %s", pattern)
		}
	}
	if len(w.pages) < 30 {
		t.Errorf("got %d pages of the router, want all of them", len(w.pages))
	}
	return firsts
}
