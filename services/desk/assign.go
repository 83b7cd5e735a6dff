package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// mostAssigned is how many matches may be given to somebody at once.
const mostAssigned = 100

// assigned is what became of one match that was ticked.
type assigned = postgres.Assigned

// assign gives the matches that were ticked to somebody to judge. The list
// comes back with what became of each, if some could not be given.
func assign(v *visit) error {
	to, all := v.field("to"), readIDs(v.PostForm["match"])
	q, err := v.keptFilter()
	if err != nil {
		return err
	}
	switch {
	case to == "":
		return v.queuePage(http.StatusUnprocessableEntity, q, nil, fieldError{"to", "assign.wrong.to"})
	case len(all) == 0 || len(all) > mostAssigned:
		return v.queuePage(http.StatusUnprocessableEntity, q, nil, fieldError{"assign", "assign.wrong.none"})
	}
	done, err := v.assignTo(to, all)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(done, func(a assigned) bool { return a.Outcome != "assigned" }) || len(done) < len(all) {
		return v.queuePage(http.StatusOK, q, done)
	}
	return v.to("/matches", "assign.done")
}

// nobody stands for giving matches back to whoever comes first.
const nobody = "nobody"

func (v *visit) assignTo(to string, all []casework.MatchID) ([]assigned, error) {
	if to == nobody {
		to = ""
	}
	return v.DB.Assign(v.Context(), postgres.Assignment{Matches: all, To: to, By: v.me, Correlation: v.correlation()})
}

// readIDs reads what was ticked. What is no number was not on the page.
func readIDs(values []string) []casework.MatchID {
	var all []casework.MatchID
	for _, value := range values {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 && !slices.Contains(all, casework.MatchID(n)) {
			all = append(all, casework.MatchID(n))
		}
	}
	return all
}

type secondLooksPage struct {
	Items []postgres.SecondLook
	Next  string
	First bool
	Start string
}

// secondLooks lists grave dismissals that one person made and that wait for a
// second pair of eyes.
func secondLooks(v *visit) error {
	after := v.after()
	items, err := v.DB.SecondLooks(v.Context(), v.me.ID, after, rows+1)
	if err != nil {
		return err
	}
	p := secondLooksPage{First: after == postgres.Key{}, Start: "/second-looks"}
	if len(items) > rows {
		items = items[:rows]
		p.Next = v.nextPage(url.Values{}, items[rows-1].At, int64(items[rows-1].Match))
	}
	p.Items = items
	ids := make([]casework.MatchID, len(items))
	for i, it := range items {
		ids[i] = it.Match
	}
	v.viewed("matches", "", map[string]any{"matches": ids})
	return v.page(http.StatusOK, "secondlooks", p)
}
