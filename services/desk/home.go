package desk

import (
	"net/http"
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type homePage struct {
	Queue     *postgres.QueueCount
	Actions   *postgres.ActionCount
	Mine      string // where the viewer's own actions are
	Sign      *int   // decisions to countersign
	Escalated *int
	Others    []navItem // where nothing waits to be counted
}

// About is the part of a page's key that its description on the start page has too.
func (n navItem) About() string { return strings.TrimPrefix(n.Key, "nav.") }

// countedCards are the pages whose cards say how much waits there.
var countedCards = []string{"/matches", "/actions", "/duty", "/victims", "/countersign", "/escalated"}

// home shows each part that the viewer plays, with how much waits there.
func home(v *visit) error {
	p, err := v.readHome()
	if err != nil {
		return err
	}
	p.Others = slices.DeleteFunc(v.navigation(), func(n navItem) bool { return slices.Contains(countedCards, n.Href) })
	return v.page(http.StatusOK, "home", p)
}

func (v *visit) readHome() (homePage, error) {
	var p homePage
	if judges(v.me) {
		n, err := v.DB.QueueCount(v.Context(), v.me.ID, postgres.QueueFilter{Until: v.endOfDay()})
		if err != nil {
			return p, err
		}
		p.Queue = &n
	}
	if access.ReadActions.Allows(&v.me) {
		n, err := v.DB.ActionCount(v.Context(), v.me.ID)
		if err != nil {
			return p, err
		}
		p.Actions, p.Mine = &n, "/actions"
		switch {
		case v.me.Has(casework.DutyOfficer):
			p.Mine = "/duty"
		case v.victimStaffOnly():
			p.Mine = "/victims"
		}
	}
	if access.Oversee.Allows(&v.me) {
		sign, err := v.DB.Countersignatures(v.Context(), v.me.ID, postgres.Key{}, 100)
		if err != nil {
			return p, err
		}
		waiting := 0
		for _, s := range sign {
			if !s.Own {
				waiting++
			}
		}
		up, err := v.DB.Escalated(v.Context(), v.me.ID, 100)
		if err != nil {
			return p, err
		}
		escalated := len(up)
		p.Sign, p.Escalated = &waiting, &escalated
	}
	return p, nil
}
