package desk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type signInPage struct {
	Back     string
	Provider bool
	Out      bool   // they have just signed out
	Ends     string // where to sign out at the provider too
	Personas []persona
	Busy     []persona // of the staff that have no part of their own in the demo
}

type persona struct {
	casework.Account
	Parts []string // keys of what they are
	Place string   // of a manager or a practitioner, whose name says nothing of it
}

// mostBusy is how many of those who have something to do are offered: in a demo
// that has just begun, the others have nothing on their pages.
const mostBusy = 6

func personaOf(a casework.Account, where map[string]string) persona {
	one := persona{Account: a}
	for _, g := range a.Grants {
		if key := "part." + string(g.Role); !slices.Contains(one.Parts, key) {
			one.Parts = append(one.Parts, key)
		}
		if a.Has(casework.Manager, casework.Practitioner) {
			one.Place = where[g.Scope]
		}
	}
	return one
}

// whereOf is where somebody works, by the scope of what they were granted.
func whereOf(places []postgres.Overseen) map[string]string {
	where := map[string]string{}
	for _, p := range places {
		for _, t := range p.Teams {
			where[t.Code] = t.Name
		}
		for _, c := range p.Practitioners {
			where[c.Code] = p.Name
		}
	}
	return where
}

// signIn offers the ways to sign in.
func signIn(v *visit) error {
	return v.signInPage(http.StatusOK)
}

func (v *visit) signInPage(status int, mistakes ...fieldError) error {
	p := signInPage{Back: local(v.FormValue("back")), Provider: v.provider != nil}
	if p.Out = v.URL.Query().Has("out") && v.me.ID == 0; p.Out {
		p.Ends = v.out()
	}
	if v.Demo {
		all, err := v.DB.Personas(v.Context())
		if err != nil {
			return err
		}
		busy, err := v.DB.PersonasAtWork(v.Context(), access.StaffPrefix, mostBusy)
		if err != nil {
			return err
		}
		places, err := v.DB.Everywhere(v.Context())
		if err != nil {
			return err
		}
		where := whereOf(places)
		for _, a := range all {
			if !strings.HasPrefix(a.Subject, access.StaffPrefix) { // they would fill pages
				p.Personas = append(p.Personas, personaOf(a, where))
			}
		}
		for _, a := range busy {
			p.Busy = append(p.Busy, personaOf(a, where))
		}
	}
	return v.page(status, "signin", p, mistakes...)
}

// signInAs begins a session as a persona. Outside the demo there is no such page.
func signInAs(v *visit) error {
	if !v.Demo {
		return casework.ErrNotFound
	}
	if !v.attempts.allow(v.Proxies.Sender(v.Request).String(), v.now) {
		return v.tooMany()
	}
	a, err := v.DB.AccountBySubject(v.Context(), v.field("persona"))
	if errors.Is(err, casework.ErrNotFound) || err == nil && !a.Demo {
		return v.signInPage(http.StatusUnprocessableEntity, fieldError{"persona", "signin.choose"})
	}
	if err != nil {
		return err
	}
	return v.welcome(a)
}

// welcome begins the session and writes it on the trail.
func (v *visit) welcome(a casework.Account) error {
	if err := v.signInto(a); err != nil {
		return err
	}
	return v.to(local(v.FormValue("back")), "")
}

func (v *visit) signInto(a casework.Account) error {
	if err := v.Desk.signIn(v.Context(), a); err != nil {
		return err
	}
	return v.DB.Record(v.Context(), postgres.Audit{Actor: a.Subject, What: "SIGNED_IN", Service: "desk", Correlation: v.correlation()})
}

// signOut ends the session, in the table too, and what hung on it: pages of it
// are kept up to date no longer, and matches that they had open are free.
func signOut(v *visit) error {
	if v.me.ID != 0 {
		if err := v.DB.ReleaseAll(v.Context(), v.me.ID); err != nil {
			return err
		}
		err := v.DB.Record(v.Context(), postgres.Audit{Actor: v.me.Subject, What: "SIGNED_OUT", Service: "desk", Correlation: v.correlation()})
		if err != nil {
			return err
		}
	}
	token := v.sessions.Token(v.Context())
	if err := v.sessions.Destroy(v.Context()); err != nil {
		return err
	}
	v.nudges.end(token)
	http.Redirect(v.w, v.Request, "/sign-in?out=1", http.StatusSeeOther)
	return nil
}

type expiredPage struct {
	Action string
	Fields url.Values
}

// askToSignIn leads to the sign-in page, and from there back. What somebody
// typed while their session ended is handed back to them, to send again.
func (v *visit) askToSignIn() {
	if v.URL.Path == "/live" { // asked by a page, which has nowhere to go
		v.notLive(http.StatusUnauthorized, "live.signedout")
		return
	}
	if v.Method == http.MethodGet || v.Method == http.MethodHead {
		back := url.Values{"back": {v.URL.RequestURI()}}
		http.Redirect(v.w, v.Request, "/sign-in?"+back.Encode(), http.StatusSeeOther)
		return
	}
	if err := v.ParseForm(); err != nil {
		v.page(http.StatusBadRequest, "problem", problemPage{Key: "invalid"})
		return
	}
	v.page(http.StatusUnauthorized, "expired", expiredPage{Action: v.URL.Path, Fields: v.PostForm})
}

// switchLanguage keeps the choice in a cookie and goes back to the same page.
func switchLanguage(v *visit) error {
	lang := v.PathValue("language")
	if !slices.Contains(languages, lang) {
		return casework.ErrNotFound
	}
	http.SetCookie(v.w, &http.Cookie{Name: "language", Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: v.Secure})
	return v.to(local(v.URL.Query().Get("back")), "")
}
