package desk

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// rotaDays is how far ahead the rota is looked at for nights that nobody has.
const rotaDays = 14

type rotaPage struct {
	Regions []rotaRegion
	Keeps   bool
	People  []postgres.Colleague // who may be put on duty
	Form    map[string]string
}

// rotaRegion is one region's rota, shifts and gaps in the order in which they come.
type rotaRegion struct {
	Region string
	Lines  []rotaLine
	Gaps   int
}

type rotaLine struct {
	postgres.ShiftLine
	Nobody bool
	Now    bool
}

var shiftFields = []string{"region", "staff", "telephone",
	"starts-day", "starts-month", "starts-year", "starts-hour", "starts-minute", "ends-day", "ends-month", "ends-year", "ends-hour", "ends-minute"}

// rota shows who takes what is urgent out of hours, and loudly when nobody does.
func rota(v *visit) error {
	today := v.now.In(v.Calendar.Zone())
	return v.rotaPage(http.StatusOK, shiftForm(postgres.ShiftLine{Shift: casework.Shift{
		Starts: time.Date(today.Year(), today.Month(), today.Day(), 17, 0, 0, 0, today.Location()),
		Ends:   time.Date(today.Year(), today.Month(), today.Day()+1, 9, 0, 0, 0, today.Location())}}, today.Location()))
}

func shiftForm(s postgres.ShiftLine, zone *time.Location) map[string]string {
	form := map[string]string{"region": s.Region, "staff": s.Staff, "telephone": s.Telephone}
	for prefix, at := range map[string]time.Time{"starts": s.Starts.In(zone), "ends": s.Ends.In(zone)} {
		for part, n := range map[string]int{"day": at.Day(), "month": int(at.Month()), "year": at.Year(), "hour": at.Hour(), "minute": at.Minute()} {
			form[prefix+"-"+part] = strconv.Itoa(n)
		}
	}
	return form
}

func (v *visit) rotaPage(status int, form map[string]string, mistakes ...fieldError) error {
	p, err := v.readRota()
	if err != nil {
		return err
	}
	p.Form = form
	return v.page(status, "rota", p, mistakes...)
}

func (v *visit) readRota() (rotaPage, error) {
	p := rotaPage{Keeps: access.Oversee.Allows(&v.me)}
	names, err := v.DB.RotaRegions(v.Context(), v.me.ID)
	if err != nil {
		return p, err
	}
	lines, err := v.DB.Rota(v.Context(), v.me.ID, v.now, 0)
	if err != nil {
		return p, err
	}
	shifts := make([]casework.Shift, len(lines))
	for i, l := range lines {
		shifts[i] = l.Shift
	}
	gaps := v.Calendar.Gaps(names, shifts, v.now, rotaDays)
	for _, name := range names {
		r := rotaRegion{Region: name}
		for _, l := range lines {
			if l.Region == name {
				r.Lines = append(r.Lines, rotaLine{ShiftLine: l, Now: !l.Starts.After(v.now)})
			}
		}
		for _, g := range gaps {
			if g.Region == name {
				r.Gaps++
				r.Lines = append(r.Lines, rotaLine{ShiftLine: postgres.ShiftLine{Shift: g}, Nobody: true, Now: !g.Starts.After(v.now)})
			}
		}
		slices.SortStableFunc(r.Lines, func(a, b rotaLine) int { return cmp.Or(a.Starts.Compare(b.Starts), a.Ends.Compare(b.Ends)) })
		if p.Keeps {
			people, err := v.DB.OnCall(v.Context(), name)
			if err != nil {
				return p, err
			}
			p.People = append(p.People, people...)
		}
		p.Regions = append(p.Regions, r)
	}
	return p, nil
}

// addShift puts somebody on duty.
func addShift(v *visit) error {
	form := v.shiftTyped()
	s, mistakes, err := v.readShift(form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return v.rotaPage(http.StatusUnprocessableEntity, form, mistakes...)
	}
	if err := v.DB.SetShift(v.Context(), 0, s, v.me, v.correlation()); err != nil {
		return err
	}
	return v.to("/rota", "rota.done")
}

// shiftTyped is what somebody typed.
func (v *visit) shiftTyped() map[string]string {
	form := map[string]string{}
	for _, name := range shiftFields {
		form[name] = v.field(name)
	}
	return form
}

// readShift reads the form. A region that the viewer does not keep is not found.
func (v *visit) readShift(form map[string]string) (s casework.Shift, mistakes []fieldError, err error) {
	names, err := v.DB.RotaRegions(v.Context(), v.me.ID)
	if err != nil {
		return s, nil, err
	}
	s = casework.Shift{Region: form["region"], Staff: form["staff"], Telephone: form["telephone"]}
	if !slices.Contains(names, s.Region) {
		return s, nil, casework.ErrNotFound
	}
	people, err := v.DB.OnCall(v.Context(), s.Region)
	if err != nil {
		return s, nil, err
	}
	if !slices.ContainsFunc(people, func(c postgres.Colleague) bool { return c.Code == s.Staff }) {
		mistakes = append(mistakes, fieldError{"staff", "rota.wrong.staff"})
	}
	if len(s.Telephone) > 24 || strings.Trim(s.Telephone, "0123456789 +()-") != "" || len(s.Telephone) < 5 {
		mistakes = append(mistakes, fieldError{"telephone", "rota.wrong.telephone"})
	}
	var okStarts, okEnds bool
	if s.Starts, okStarts = v.momentIn(form, "starts"); !okStarts {
		mistakes = append(mistakes, fieldError{"starts-day", "rota.wrong.starts"})
	}
	s.Ends, okEnds = v.momentIn(form, "ends")
	switch {
	case !okEnds:
		mistakes = append(mistakes, fieldError{"ends-day", "rota.wrong.ends"})
	case okStarts && !s.Ends.After(s.Starts) || !s.Ends.After(v.now):
		mistakes = append(mistakes, fieldError{"ends-day", "rota.wrong.order"})
	case okStarts && s.Ends.Sub(s.Starts) > 14*24*time.Hour:
		mistakes = append(mistakes, fieldError{"ends-day", "rota.wrong.long"})
	}
	return s, mistakes, nil
}
