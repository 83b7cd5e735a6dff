package desk

import (
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type shiftPage struct {
	postgres.ShiftLine
	People []postgres.Colleague
	Form   map[string]string
}

// shift asks what is to be changed of one shift.
func shift(v *visit) error {
	p, err := v.readShiftLine()
	if err != nil {
		return err
	}
	p.Form = shiftForm(p.ShiftLine, v.Calendar.Zone())
	return v.page(http.StatusOK, "shift", p)
}

func (v *visit) readShiftLine() (shiftPage, error) {
	id, err := v.id()
	if err != nil {
		return shiftPage{}, err
	}
	lines, err := v.DB.Rota(v.Context(), v.me.ID, time.Time{}, id)
	if err != nil {
		return shiftPage{}, err
	}
	if len(lines) != 1 || !lines[0].Mine {
		return shiftPage{}, casework.ErrNotFound
	}
	people, err := v.DB.OnCall(v.Context(), lines[0].Region)
	return shiftPage{ShiftLine: lines[0], People: people}, err
}

// changeShift changes it.
func changeShift(v *visit) error {
	p, err := v.readShiftLine()
	if err != nil {
		return err
	}
	p.Form = v.shiftTyped()
	s, mistakes, err := v.readShift(p.Form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return v.page(http.StatusUnprocessableEntity, "shift", p, mistakes...)
	}
	if err := v.DB.SetShift(v.Context(), p.ID, s, v.me, v.correlation()); err != nil {
		return err
	}
	return v.to("/rota", "rota.done")
}

// removeShift takes it off the rota.
func removeShift(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.RemoveShift(v.Context(), id, v.now, v.me, v.correlation()); err != nil {
		return err
	}
	return v.to("/rota", "rota.removed")
}
