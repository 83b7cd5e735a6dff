package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// press sends keys to whatever has the focus.
func (b *tab) press(keys ...string) {
	b.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until the element has the focus, as somebody without a mouse does.
func (b *tab) tabTo(selector string) {
	b.Helper()
	for range 80 {
		b.press(kb.Tab)
		if get(b, chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, selector))) {
			return
		}
	}
	b.Fatalf("%s: %s cannot be reached by keyboard", b.path(), selector)
}

// leaves waits until the page is another one.
func (b *tab) leaves(path string) {
	b.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if at, err := chromedp.Run(b.ctx, chromedp.Location()); err == nil && at != b.url+path {
			b.do(chromedp.WaitReady(css("main")))
			return
		}
		b.do(chromedp.Func(nap))
	}
	b.Fatalf("the page stays at %s", path)
}

// way is a language and a window in which somebody makes a journey.
type way struct {
	lang string
	shape
}

func (w way) String() string { return w.lang + "/" + w.name }

// ways are all four, the commonest first.
var ways = []way{{"en", wide}, {"cy", narrow}, {"en", narrow}, {"cy", wide}}

// goes opens a tab for somebody who goes that way.
func (w *world) goes(t *testing.T, by way, who string) *tab {
	t.Helper()
	b := w.tab(t, by.shape)
	b.language(by.lang)
	b.signIn(who)
	return b
}

func TestAnAdministratorClearsTenMatchesByKeyboard(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for n, by := range ways {
		t.Run(by.String(), func(t *testing.T) {
			clear := 10
			if n > 0 {
				clear = 2 // the keys are the same
			}
			for i := range clear {
				w.Match(scene.Report{Person: p, Due: time.Duration(i+1) * time.Hour})
			}
			before := pgtest.One[int](t, w.DB, "select count(*)::int from judgement")
			b := w.goes(t, by, "administrator")
			b.goTo("/matches")
			b.tabTo("main tbody a")
			b.press(kb.Enter)
			b.leaves("/matches")
			for i := range clear {
				at := b.path()
				b.tabTo("input[name=verdict]")
				b.press(kb.ArrowDown) // not this person
				b.tabTo("#reason")
				b.press(strings.Split("another man", "")...)
				b.tabTo("form.desk-verdict button")
				b.press(kb.Enter)
				b.leaves(at)
				if got := pgtest.One[int](t, w.DB, "select count(*)::int from judgement where verdict = 'dismiss'") - before; got != i+1 {
					t.Fatalf("after %d verdicts: got %d on the record", i+1, got)
				}
			}
			if got := b.path(); got != "/matches" {
				t.Errorf("got to %s, want the empty queue", got)
			}
		})
	}
}

func TestAPractitionerDecidesAndTheManagerCountersigns(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{RoSH: casework.RoSHHigh})
	for n, by := range ways {
		script := n >= 2 // the essential path needs none
		t.Run(fmt.Sprintf("%s/script=%v", by, script), func(t *testing.T) {
			m := w.Match(scene.Report{Person: p})
			b := w.goes(t, by, "practitioner")
			if !script {
				b.noScript()
			}
			at := fmt.Sprintf("/actions/%d", m.Practitioner)
			b.goTo(at)
			b.do(chromedp.Click(css("form.desk-acknowledge button")), chromedp.WaitReady(css(".govuk-notification-banner")))
			b.goTo(at + "/decision")
			b.do(chromedp.Click(css("#outcome")),
				chromedp.SendKeys(css("#rationale"), "Second call-out."), chromedp.Click(css("#risk-2")),
				chromedp.SendKeys(css("#risk_reason"), "Already high."), chromedp.Click(css("main .govuk-button-group button")),
				chromedp.WaitReady(css(".govuk-summary-card")))
			manager := w.goes(t, by, "manager")
			if !script {
				manager.noScript()
			}
			manager.goTo("/countersign")
			manager.do(chromedp.Click(css("main table a")), chromedp.WaitReady(css("#agree")),
				chromedp.Click(css("#agree")), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".govuk-notification-banner")))
			if got := pgtest.One[int](t, w.DB, "select count(*)::int from decision where countersigned_by = 'persona:manager'"); got != n+1 {
				t.Error("the decision is not countersigned")
			}
		})
	}
}

func TestAWrongMatchIsRetracted(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for _, by := range ways {
		t.Run(by.String(), func(t *testing.T) {
			m := w.Match(scene.Report{Person: p})
			b := w.goes(t, by, "administrator")
			at := fmt.Sprintf("/matches/%d", m.Match)
			b.goTo(at)
			b.do(chromedp.Click(css("#verdict")), chromedp.Click(css("form.desk-verdict button")), chromedp.WaitReady(css(".desk-pack")))
			b.goTo(at + "/retract")
			b.do(chromedp.SendKeys(css("#reason"), "His twin."), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".desk-judged")))
			want := map[string]string{"en": "it is not this person", "cy": "nid y person hwn"}[by.lang]
			if got := b.text("main"); !strings.Contains(got, want) {
				t.Error("the page does not say that it is not this person")
			}
		})
	}
}

func TestAManagerCoversAndReassigns(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for _, by := range ways {
		t.Run(by.String(), func(t *testing.T) {
			m := w.Match(scene.Report{Person: p})
			b := w.goes(t, by, "manager")
			b.goTo(fmt.Sprintf("/actions/%d/reassign", m.Practitioner))
			b.do(chromedp.SetValue(css("#to"), scene.Stand), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".govuk-notification-banner")))
			b.goTo("/staff/" + scene.Practitioner + "/cover")
			b.do(chromedp.SetValue(css("#by"), scene.Stand), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".govuk-notification-banner")))
			row := "tr[data-staff=" + scene.Practitioner + "]"
			want := map[string]string{"en": "covered by Stan Standin", "cy": "Stan Standin yn cyflenwi"}[by.lang]
			if got := b.text(row); !strings.Contains(got, want) {
				t.Error("the board does not say who covers")
			}
			b.do(chromedp.Click(css(row+" form button")), chromedp.WaitNotPresent(css(row+" form"))) // back at work
		})
	}
}

// What a browser can do to a form: send it twice, go back to it, and send it when
// the session has ended.
func TestAFormIsSentTwiceGoneBackToAndSentAfterItsSession(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{RoSH: casework.RoSHLow})
	for _, by := range ways[:2] {
		t.Run(by.String(), func(t *testing.T) {
			m, later := w.Match(scene.Report{Person: p}), w.Match(scene.Report{Person: p, Due: 48 * time.Hour})
			judged := func(id casework.MatchID) int {
				return pgtest.One[int](t, w.DB, "select count(*)::int from judgement where match = $1", id)
			}
			b := w.goes(t, by, "administrator")
			at := fmt.Sprintf("/matches/%d", m.Match)
			b.goTo(at)
			b.do(chromedp.Click(css("#verdict-2")), chromedp.SendKeys(css("#reason"), "Another man"),
				chromedp.Evaluate[chromedp.Void](`{const f = document.querySelector('form.desk-verdict'); const twice = new FormData(f);
					fetch(f.action, {method: 'POST', body: new URLSearchParams(twice)}).finally(() => f.submit())}`),
				chromedp.WaitReady(css(".govuk-notification-banner")))
			if got := judged(m.Match); got != 1 {
				t.Errorf("sent twice: got %d judgements, want 1", got)
			}
			b.do(chromedp.NavigateBack(), chromedp.WaitReady(css(".desk-judged")))
			if b.path() != at || get(b, chromedp.Evaluate[bool](`document.querySelector('form.desk-verdict') !== null`)) {
				t.Error("going back shows the match as it was before the verdict")
			}

			b.goTo(fmt.Sprintf("/matches/%d", later.Match))
			b.do(chromedp.Click(css("#verdict-2")), chromedp.SendKeys(css("#reason"), "Born elsewhere"),
				chromedp.Evaluate[chromedp.Void](`fetch('/sign-out', {method: 'POST'}).finally(() => document.querySelector('form.desk-verdict').submit())`),
				chromedp.WaitReady(css("main form input[name=reason]")))
			if got := judged(later.Match); got != 0 {
				t.Error("a verdict was recorded without a session")
			}
			// They sign in again, in another tab of the same browser.
			b.do(chromedp.Evaluate[chromedp.Void](`fetch('/sign-in', {method: 'POST', body: new URLSearchParams({persona: 'persona:administrator'})}).finally(() => document.querySelector('main form').submit())`),
				chromedp.WaitReady(css(".govuk-notification-banner")))
			if got := pgtest.One[string](t, w.DB, "select coalesce(max(reason), '') from judgement where match = $1", later.Match); got != "Born elsewhere" {
				t.Errorf("got %q on the record, want what was typed before the session ended", got)
			}
		})
	}
}

// Two people and one match: it is whose it was opened by first, until a
// supervisor takes it; and nobody's verdict falls on what they have not seen.
func TestTwoPeopleOpenOneMatchAndAThirdTakesIt(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for _, by := range ways[:2] {
		t.Run(by.String(), func(t *testing.T) {
			m := w.Match(scene.Report{Person: p})
			at := fmt.Sprintf("/matches/%d", m.Match)
			first := w.goes(t, by, "administrator")
			first.goTo(at)
			first.do(chromedp.Click(css("#verdict")), chromedp.SendKeys(css("#reason"), "The same birthday."))
			second := w.goes(t, by, "second administrator")
			second.goTo(at)
			held := map[string]string{"en": "Ada Administrator has this open", "cy": "ar agor gan Ada Administrator"}[by.lang]
			if got := second.text(".desk-held"); !strings.Contains(got, held) {
				t.Errorf("got %q, want to read who has it open", got)
			}
			if get(second, chromedp.Evaluate[bool](`document.querySelector('form.desk-verdict') !== null`)) {
				t.Error("the second may judge what the first has open")
			}
			head := w.goes(t, by, "head")
			head.goTo(at)
			head.do(chromedp.Click(css(".desk-held form button")), chromedp.WaitReady(css("form.desk-verdict")))
			first.do(chromedp.Click(css("form.desk-verdict button")), chromedp.WaitReady(css(".desk-typed")))
			first.refusedUnseen(by, "The same birthday.", m.Match)
			first.axe("match-taken-"+by.String(), false)
			first.picture("match-taken-" + by.name + "-" + by.lang)
			first.do(chromedp.Click(css("main p a")), chromedp.WaitReady(css(".desk-held")))
			if got := first.path(); got != at {
				t.Errorf("looking again leads to %s, want %s", got, at)
			}
		})
	}
}

// refusedUnseen fails unless the page says that something has changed and gives
// back what was typed, and there is no verdict.
func (b *tab) refusedUnseen(by way, typed string, m casework.MatchID) {
	b.Helper()
	want := map[string]string{"en": "This has changed since you opened it", "cy": "Mae hyn wedi newid ers i chi ei agor"}[by.lang]
	if got := b.text("h1"); got != want {
		b.Errorf("got %q, want %q", got, want)
	}
	if got := b.text(".desk-typed"); got != typed {
		b.Errorf("got %q back, want what was typed", got)
	}
	if n := pgtest.One[int](b.T, b.DB, "select count(*)::int from judgement where match = $1", m); n != 0 {
		b.Error("a verdict is on the record")
	}
}

func TestAMatchIsSupersededWhileItIsOpen(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for _, by := range ways[:2] {
		t.Run(by.String(), func(t *testing.T) {
			m := w.Match(scene.Report{Person: p})
			at := fmt.Sprintf("/matches/%d", m.Match)
			b := w.goes(t, by, "administrator")
			b.goTo(at)
			b.do(chromedp.Click(css("#verdict-2")), chromedp.SendKeys(css("#reason"), "Born elsewhere."))
			pgtest.Exec(t, w.DB, "update match set state = 'superseded' where id = $1", m.Match) // police revise it
			b.do(chromedp.Click(css("form.desk-verdict button")), chromedp.WaitReady(css(".desk-typed")))
			b.refusedUnseen(by, "Born elsewhere.", m.Match)
			b.do(chromedp.Click(css("main p a")), chromedp.WaitReady(css(".desk-tags")))
			now := map[string]string{"en": "Superseded", "cy": "Wedi'i ddisodli"}[by.lang]
			if got := b.text("main"); b.path() != at || !strings.Contains(got, now) || get(b, chromedp.Evaluate[bool](`document.querySelector('form.desk-verdict') !== null`)) {
				t.Errorf("looking again does not say that it is superseded")
			}
		})
	}
}

func TestTheLanguageSwitchKeepsThePage(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	b := w.tab(t, narrow)
	b.signIn("administrator")
	at := fmt.Sprintf("/matches/%d", m.Match)
	b.goTo(at)
	b.do(chromedp.Click(css(".desk-languages a")), chromedp.WaitReady(css("html[lang=cy] main")))
	if got := b.path(); got != at {
		t.Errorf("got to %s, want %s", got, at)
	}
}

func TestCountsAreKeptUpToDate(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	w.Match(scene.Report{Person: p})
	b := w.tab(t, wide)
	b.signIn("administrator")
	b.goTo("/")
	if got := b.text("[data-count=queue]"); got != "1" {
		t.Fatalf("got %s, want 1", got)
	}
	w.Match(scene.Report{Person: p})
	pgtest.Exec(t, w.DB, "insert into event (subject, payload) values ('matches.found', '{}')")
	b.do(chromedp.Poll[chromedp.Void](`document.querySelector('[data-count=queue]').textContent === '2'`))

	// A server that has gone is said to have gone, and found when it is back.
	b.do(chromedp.Evaluate[chromedp.Void](`window.there = fetch; window.fetch = () => Promise.reject(new TypeError('gone')); 0`))
	w.server.CloseClientConnections()
	b.do(chromedp.Poll[chromedp.Void](`document.querySelector('.desk-still').textContent.includes('connection is lost')`))
	w.Match(scene.Report{Person: p})
	b.do(chromedp.Evaluate[chromedp.Void](`window.fetch = window.there; dispatchEvent(new Event('online')); 0`),
		chromedp.Poll[chromedp.Void](`document.querySelector('[data-count=queue]').textContent === '3' && document.querySelector('.desk-still').textContent === ''`))

	// Signed out elsewhere, it says so and asks no more.
	b.do(chromedp.Evaluate[chromedp.Void](`fetch('/sign-out', {method: 'post'}); 0`),
		chromedp.Poll[chromedp.Void](`document.querySelector('.desk-still').textContent.includes('signed out')`))
}
