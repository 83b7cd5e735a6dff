package desk

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type findPage struct {
	Asked string
	Items []postgres.MatchView
}

// find asks for a CRN or a police reference: what somebody on the telephone
// names. It is sent in a form, for no address holds either.
func find(v *visit) error { return v.page(http.StatusOK, "find", findPage{}) }

// findNow leads to what was found or, where that is more than one, lists it.
func findNow(v *visit) error {
	asked := v.field("of")
	person, items, err := v.search(asked)
	switch {
	case errors.Is(err, casework.ErrNotFound):
		return v.page(http.StatusUnprocessableEntity, "find", findPage{Asked: asked}, fieldError{"of", "find.none"})
	case err != nil:
		return err
	case person != 0:
		return v.to(fmt.Sprintf("/people/%d", person), "")
	case len(items) == 1:
		return v.to(fmt.Sprintf("/matches/%d", items[0].ID), "")
	}
	v.route.view = "PAGE_VIEW_FIND" // the form alone shows nobody
	return v.page(http.StatusOK, "find", findPage{asked, items})
}

// mostFound is how many matches of one reference are looked at.
const mostFound = 20

// search is the person with a CRN or the matches of a reference, as far as the
// viewer may see them: what they may not is not there.
func (v *visit) search(of string) (casework.PersonID, []postgres.MatchView, error) {
	if of == "" || tooLong(of) {
		return 0, nil, casework.ErrNotFound
	}
	person, err := v.DB.NumberOf(v.Context(), v.me.ID, strings.ToUpper(of))
	if err == nil {
		_, _, err = v.DB.PersonOnPage(v.Context(), v.me.ID, person)
		return person, nil, err
	}
	if !errors.Is(err, casework.ErrNotFound) {
		return 0, nil, err
	}
	ids, err := v.DB.MatchesOf(v.Context(), knownForces(), of, mostFound)
	if err != nil {
		return 0, nil, err
	}
	var items []postgres.MatchView
	var seen []casework.MatchID
	for _, id := range ids {
		m, err := v.DB.Match(v.Context(), v.me.ID, id)
		if errors.Is(err, casework.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		items, seen = append(items, m), append(seen, id)
	}
	if len(items) == 0 {
		return 0, nil, casework.ErrNotFound
	}
	v.viewed("matches", "", map[string]any{"matches": seen})
	return 0, items, nil
}

// knownForces are the codes by which the queue can be narrowed.
func knownForces() []string {
	for _, c := range choicesOf {
		if c.name == "force" {
			return c.values
		}
	}
	return nil
}

// apiFind is the same for a program: a person's number, or matches.
func apiFind(v *visit) error {
	var asked struct {
		Of string `json:"of"`
	}
	if err := v.body(&asked); err != nil {
		return err
	}
	person, items, err := v.search(strings.TrimSpace(asked.Of))
	if err != nil {
		return err
	}
	matches := []map[string]any{}
	for _, m := range items {
		matches = append(matches, map[string]any{"match": m.ID, "state": m.State, "band": m.Band, "force": m.Incident.Force,
			"reference": m.Incident.Reference, "person": m.Person.ID, "crn": m.Person.CRN})
	}
	body := map[string]any{"matches": matches}
	if person != 0 {
		body["person"] = person
		v.viewed("person", person, nil)
	}
	v.route.view = "API_READ_FIND"
	return v.answer(http.StatusOK, body)
}
