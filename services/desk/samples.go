package desk

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type samplesPage struct {
	Samples []postgres.SampleLine
	Places  []postgres.Overseen
	Form    map[string]string
}

// largestSample is as much as anybody should promise to read.
const largestSample = 50

var sampleFields = []string{"pdu", "practitioner", "kind", "size", "seed",
	"from-day", "from-month", "from-year", "to-day", "to-month", "to-year"}

// samples lists the draws of closed work, and has a new one drawn.
func samples(v *visit) error {
	today := v.now.In(v.Calendar.Zone())
	form := map[string]string{"size": "10"}
	for prefix, at := range map[string]time.Time{"from": today.AddDate(0, -1, 0), "to": today} {
		setDay(form, prefix, at)
	}
	return v.samplesPage(http.StatusOK, form)
}

func (v *visit) samplesPage(status int, form map[string]string, mistakes ...fieldError) error {
	p := samplesPage{Form: form}
	var err error
	if p.Samples, err = v.DB.Samples(v.Context(), v.me.ID, 50); err != nil {
		return err
	}
	if p.Places, err = v.DB.Overseen(v.Context(), v.me.ID); err != nil {
		return err
	}
	return v.page(status, "samples", p, mistakes...)
}

// drawSample draws one. The seed is chosen here unless somebody wants to draw
// what was drawn before.
func drawSample(v *visit) error {
	form := map[string]string{}
	for _, name := range sampleFields {
		form[name] = v.field(name)
	}
	s, mistakes, err := v.draw(form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return v.samplesPage(http.StatusUnprocessableEntity, form, mistakes...)
	}
	return v.to(fmt.Sprintf("/samples/%d", s.ID), "sample.drawn")
}

// draw draws what a form asks for, or says what is wrong with it.
func (v *visit) draw(form map[string]string) (casework.Sample, []fieldError, error) {
	places, err := v.DB.Overseen(v.Context(), v.me.ID)
	if err != nil {
		return casework.Sample{}, nil, err
	}
	var mistakes []fieldError
	s := casework.Sample{PDU: form["pdu"], Practitioner: form["practitioner"], Kind: casework.Kind(form["kind"])}
	at := slices.IndexFunc(places, func(o postgres.Overseen) bool { return o.PDU == s.PDU })
	switch {
	case at < 0:
		mistakes = append(mistakes, fieldError{"pdu", "sample.wrong.pdu"})
	case s.Practitioner != "" && !slices.ContainsFunc(places[at].Practitioners, func(c postgres.Colleague) bool { return c.Code == s.Practitioner }):
		mistakes = append(mistakes, fieldError{"practitioner", "sample.wrong.practitioner"})
	}
	if s.Kind != "" && s.Kind != casework.KindArrest && s.Kind != casework.KindIncident {
		mistakes = append(mistakes, fieldError{"kind", "sample.wrong.kind"})
	}
	if s.Size, err = strconv.Atoi(form["size"]); err != nil || s.Size < 1 || s.Size > largestSample {
		mistakes = append(mistakes, fieldError{"size", "sample.wrong.size"})
	}
	if s.Seed = newSeed(); form["seed"] != "" {
		if s.Seed, err = strconv.ParseInt(form["seed"], 10, 64); err != nil {
			mistakes = append(mistakes, fieldError{"seed", "sample.wrong.seed"})
		}
	}
	var okFrom, okTo bool
	if s.From, okFrom = v.dayOf(form, "from"); !okFrom {
		mistakes = append(mistakes, fieldError{"from-day", "period.wrong.from"})
	}
	if s.To, okTo = v.dayOf(form, "to"); !okTo || okFrom && s.To.Before(s.From) {
		mistakes = append(mistakes, fieldError{"to-day", "period.wrong.to"})
	}
	if len(mistakes) > 0 {
		return s, mistakes, nil
	}
	s.To = s.To.AddDate(0, 0, 1)
	s, err = v.DB.DrawSample(v.Context(), s, v.me, v.correlation())
	if errors.Is(err, casework.ErrNotFound) {
		return s, []fieldError{{"from-day", "sample.wrong.empty"}}, nil
	}
	return s, nil, err
}

// newSeed is one that people can read to each other.
func newSeed() int64 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint32(b[:]))
}
