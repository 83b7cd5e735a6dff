package desk

import (
	"fmt"
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
	Transfers *int // that are not on the case record as they should be
	Looks     *int // dismissals that wait for a second look
	Counts    counts
	Others    []navItem // where nothing waits to be counted
}

// About is the part of a page's key that its description on the start page has too.
func (n navItem) About() string { return strings.TrimPrefix(n.Key, "nav.") }

// countedCards are the pages whose cards say how much waits there.
var countedCards = []string{"/matches", "/actions", "/duty", "/victims", "/countersign", "/escalated", "/transfers", "/second-looks"}

// counted is up to how many of a list the start page counts.
const counted = 100

// listed is a list with how many wait on it.
type listed struct {
	navItem
	Unit  string // key of what they wait for
	Count int
}

// Lists are the pages of which it is counted, up to a hundred, how many wait there.
func (p homePage) Lists() (all []listed) {
	for _, l := range []struct {
		key, href, unit string
		count           *int
	}{
		{"nav.transfers", "/transfers", "home.stuck", p.Transfers},
		{"nav.secondlooks", "/second-looks", "home.waiting", p.Looks},
		{"nav.countersign", "/countersign", "home.tosign", p.Sign},
		{"nav.escalated", "/escalated", "home.cameup", p.Escalated},
	} {
		if l.count != nil {
			all = append(all, listed{navItem{Key: l.key, Href: l.href}, l.unit, *l.count})
		}
	}
	return all
}

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
	p := homePage{Counts: counts{}}
	if judges(v.me) {
		n, err := v.DB.QueueCount(v.Context(), v.me.ID, postgres.QueueFilter{Until: v.endOfDay()})
		if err != nil {
			return p, err
		}
		p.Queue = &n
		v.ofQueue(p.Counts, n)
		failed, err := v.DB.Transfers(v.Context(), v.me.ID, counted+1)
		if err != nil {
			return p, err
		}
		dismissed, err := v.DB.SecondLooks(v.Context(), v.me.ID, postgres.Key{}, counted+1)
		if err != nil {
			return p, err
		}
		transfers, looks := len(failed), len(dismissed)
		p.Transfers, p.Looks = &transfers, &looks
	}
	if access.ReadActions.Allows(&v.me) {
		n, err := v.DB.ActionCount(v.Context(), v.me.ID)
		if err != nil {
			return p, err
		}
		p.Actions, p.Mine = &n, "/actions"
		v.ofActions(p.Counts, n)
		switch {
		case v.me.Has(casework.DutyOfficer):
			p.Mine = "/duty"
		case v.victimStaffOnly():
			p.Mine = "/victims"
		}
	}
	if access.Oversee.Allows(&v.me) {
		sign, err := v.DB.Countersignatures(v.Context(), v.me.ID, postgres.Key{}, counted+1)
		if err != nil {
			return p, err
		}
		waiting := 0
		for _, s := range sign {
			if !s.Own {
				waiting++
			}
		}
		up, err := v.DB.Escalated(v.Context(), v.me.ID, counted+1)
		if err != nil {
			return p, err
		}
		escalated := len(up)
		p.Sign, p.Escalated = &waiting, &escalated
	}
	return p, nil
}

// UpTo is a count of the start page as a figure, with a plus where it went no further.
func (homePage) UpTo(n int) string {
	if n > counted {
		return fmt.Sprintf("%d+", counted)
	}
	return fmt.Sprint(n)
}
