package desk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type trailPage struct {
	Lines []postgres.TrailLine
	Form  map[string]string
	Next  string
	First bool
	Proof *postgres.AuditProof
	Types []string
	Users []postgres.User // who are called what was asked for
	Asked string
}

var trailFields = []string{"actor", "what", "type", "subject"}

// trail searches the audit trail. It holds ids and codes alone, and so does
// this page.
func trail(v *visit) error { return v.trailPage(trailPage{}) }

func (v *visit) trailPage(p trailPage, wrong ...fieldError) error {
	q := v.URL.Query()
	p.Form, p.First = map[string]string{}, !q.Has("below")
	p.Types = []string{"person", "match", "action", "decision", "staff", "incident"}
	kept := url.Values{}
	for _, name := range trailFields {
		if value := strings.TrimSpace(q.Get(name)); value != "" {
			p.Form[name] = value
			kept.Set(name, value)
		}
	}
	f, mistakes := v.trailFilter(p.Form)
	if len(mistakes) == 0 {
		mistakes = wrong
	}
	for _, end := range dayEnds {
		if form := p.Form; form[end] != "" {
			kept.Set(end, form[end])
		}
	}
	below, _ := strconv.ParseInt(q.Get("below"), 10, 64)
	if len(mistakes) == len(wrong) {
		lines, err := v.DB.Trail(v.Context(), f, below, 2*rows+1)
		if err != nil {
			return err
		}
		if len(lines) > 2*rows {
			lines = lines[:2*rows]
			kept.Set("below", strconv.FormatInt(lines[len(lines)-1].ID, 10))
			p.Next = "/trail?" + kept.Encode()
		}
		p.Lines = lines
	}
	v.viewed("trail", "", map[string]any{"type": f.SubjectType, "subject": f.SubjectID})
	status := http.StatusOK
	if len(mistakes) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return v.page(status, "trail", p, mistakes...)
}

// trailFilter is what a search asks for. It fills in the days of the form: whole,
// and in their boxes.
func (v *visit) trailFilter(form map[string]string) (postgres.TrailFilter, []fieldError) {
	asked := func(name string) string { return strings.TrimSpace(v.URL.Query().Get(name)) }
	var mistakes []fieldError
	f := postgres.TrailFilter{Actor: asked("actor"), What: asked("what"), SubjectType: asked("type"), SubjectID: asked("subject")}
	for end, at := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		day, any, ok := v.askedDay(form, end)
		switch {
		case any && !ok:
			mistakes = append(mistakes, fieldError{end + "-day", "trail.wrong." + end})
		case any:
			*at, form[end] = day, day.Format(time.DateOnly)
		}
	}
	if len(mistakes) == 0 && !f.To.IsZero() && f.To.Before(f.From) {
		mistakes = append(mistakes, fieldError{"to-day", "trail.wrong.order"})
	}
	slices.SortFunc(mistakes, func(a, b fieldError) int { return strings.Compare(a.Field, b.Field) }) // as they stand on the page
	if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1)
	}
	return f, mistakes
}

// verifyTrail computes the whole chain again and says what it finds.
func verifyTrail(v *visit) error {
	proof, err := v.proveTrail()
	if err != nil {
		return err
	}
	return v.trailPage(trailPage{Proof: &proof})
}

// lookUp finds for an auditor what the trail calls somebody: a person by CRN, a
// user by name. Both are sent in a form, for no address holds either.
func lookUp(v *visit) error {
	asked := v.field("called")
	person, users, err := v.lookUp(asked)
	switch {
	case errors.Is(err, casework.ErrNotFound):
		return v.trailPage(trailPage{Asked: asked}, fieldError{"called", "trail.wrong.called"})
	case err != nil:
		return err
	case person != 0:
		return v.to(fmt.Sprintf("/trail?type=person&subject=%d", person), "")
	case len(users) == 1:
		return v.to("/trail?"+url.Values{"actor": {users[0].Subject}}.Encode(), "")
	}
	return v.trailPage(trailPage{Asked: asked, Users: users})
}

// mostUsers is how many who are called alike are shown.
const mostUsers = 20

func (v *visit) lookUp(called string) (casework.PersonID, []postgres.User, error) {
	if called == "" || tooLong(called) {
		return 0, nil, casework.ErrNotFound
	}
	person, err := v.DB.NumberOf(v.Context(), v.me.ID, strings.ToUpper(called))
	if err == nil || !errors.Is(err, casework.ErrNotFound) {
		return person, nil, err
	}
	users, err := v.DB.Users(v.Context(), called, mostUsers)
	if err == nil && len(users) == 0 {
		err = casework.ErrNotFound
	}
	return 0, users, err
}

func (v *visit) proveTrail() (postgres.AuditProof, error) {
	proof, err := v.DB.VerifyAudit(v.Context(), nil)
	if err != nil {
		return proof, err
	}
	return proof, v.DB.Record(v.Context(), postgres.Audit{Actor: v.me.Subject, What: "TRAIL_VERIFIED", Service: "desk",
		Correlation: v.correlation(), Details: map[string]any{"sealed": proof.Sealed, "faults": len(proof.Faults)}})
}
