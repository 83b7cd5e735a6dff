package desk

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type coverPage struct {
	Who  postgres.Colleague
	By   []postgres.Colleague
	Form map[string]string
	Own  bool
	Away []postgres.Away
}

var coverFields = []string{"by", "from-day", "from-month", "from-year", "to-day", "to-month", "to-year"}

// cover asks who stands in for somebody, and from which day to which.
func cover(v *visit) error {
	today, week := v.now.In(v.Calendar.Zone()), v.now.In(v.Calendar.Zone()).AddDate(0, 0, 7)
	form := map[string]string{}
	for prefix, at := range map[string]time.Time{"from": today, "to": week} {
		setDay(form, prefix, at)
	}
	return v.coverPage(http.StatusOK, form)
}

func (v *visit) coverPage(status int, form map[string]string, mistakes ...fieldError) error {
	who, by, err := v.DB.StandIns(v.Context(), v.me.ID, v.PathValue("code"))
	if err != nil {
		return err
	}
	away, err := v.DB.Aways(v.Context(), v.me.ID, who.Code)
	if err != nil {
		return err
	}
	return v.page(status, "cover", coverPage{who, by, form, who.Code == v.me.Staff, away}, mistakes...)
}

// setCover records it. The work moves by itself when the day comes, and back.
func setCover(v *visit) error {
	form := map[string]string{}
	for _, name := range coverFields {
		form[name] = v.field(name)
	}
	mistakes, err := v.coverFrom(form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return v.coverPage(http.StatusUnprocessableEntity, form, mistakes...)
	}
	return v.to(v.afterCover(), "cover.done")
}

// coverFrom records the cover that a form asks for, or says what is wrong with it.
func (v *visit) coverFrom(form map[string]string) ([]fieldError, error) {
	from, okFrom := v.dayOf(form, "from")
	to, okTo := v.dayOf(form, "to")
	var mistakes []fieldError
	switch {
	case !okFrom:
		mistakes = append(mistakes, fieldError{"from-day", "cover.wrong.from"})
	case !okTo:
		mistakes = append(mistakes, fieldError{"to-day", "cover.wrong.to"})
	case to.Before(from) || !to.AddDate(0, 0, 1).After(v.now):
		mistakes = append(mistakes, fieldError{"to-day", "cover.wrong.order"})
	}
	_, by, err := v.DB.StandIns(v.Context(), v.me.ID, v.PathValue("code"))
	if err != nil {
		return nil, err
	}
	if form["by"] != "" && !slices.ContainsFunc(by, func(c postgres.Colleague) bool { return c.Code == form["by"] }) {
		mistakes = append(mistakes, fieldError{"by", "cover.wrong.by"})
	}
	if len(mistakes) > 0 {
		return mistakes, nil
	}
	return nil, v.DB.SetCover(v.Context(), postgres.Cover{Staff: v.PathValue("code"), By: form["by"],
		Starts: from, Ends: to.AddDate(0, 0, 1), SetBy: v.me, Correlation: v.correlation()})
}

// endCover hands the work back early.
func endCover(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.EndCover(v.Context(), v.me, id, v.correlation()); err != nil {
		return err
	}
	return v.to(v.afterCover(), "cover.ended")
}

func (v *visit) afterCover() string {
	if v.me.Has(casework.Manager, casework.HeadOfPDU) {
		return "/team"
	}
	return "/actions"
}

// dayOf reads a day from its three boxes: its first moment.
func (v *visit) dayOf(form map[string]string, prefix string) (time.Time, bool) {
	d, err := casework.ParseDate(fmt.Sprintf("%04s-%02s-%02s", form[prefix+"-year"], form[prefix+"-month"], form[prefix+"-day"]))
	if err != nil || !d.Known() {
		return time.Time{}, false
	}
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, v.Calendar.Zone()), true
}
