package csvfile

import (
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// cells reads the fields of one row.
type cells struct {
	r     *Reader
	row   row
	found *check.Findings
	again map[string]time.Time // times that happened twice, the later one
}

func (c *cells) text(field, at string) string {
	text, ok := c.r.cell(field, c.row)
	if !ok {
		c.found.Add(at, check.BadEncoding, c.r.m.Encoding)
		return ""
	}
	return text
}

// code turns the force's code into ours. Without codes the text itself is ours.
func (c *cells) code(field, at string) string {
	text := c.text(field, at)
	codes := c.r.m.Fields[field].Codes
	if text == "" || codes == nil {
		return text
	}
	ours, ok := codes[text]
	if !ok {
		c.found.Add(at, check.UnknownCode, strings.Join(sorted(codes), ", "))
	}
	return ours
}

// list parts a cell and turns each part's code into ours.
func (c *cells) list(field, at string) (all []string) {
	text := c.text(field, at)
	if text == "" {
		return nil
	}
	source := c.r.m.Fields[field]
	parts := []string{text}
	if source.Split != "" {
		parts = strings.Split(text, source.Split)
	}
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if source.Codes != nil {
			ours, ok := source.Codes[part]
			if !ok {
				c.found.Add(at, check.UnknownCode, strings.Join(sorted(source.Codes), ", "))
				return nil
			}
			part = ours
		}
		all = append(all, part)
	}
	return all
}

func (c *cells) flag(field, at string) bool {
	switch c.code(field, at) {
	case "true":
		return true
	case "", "false":
		return false
	}
	c.found.Add(at, check.UnknownCode, "true, false")
	return false
}

func (c *cells) time(field, at string) time.Time {
	text := c.text(field, at)
	if text == "" {
		return time.Time{}
	}
	t, again, code := c.r.m.Times.read(text)
	if code != "" {
		c.found.Add(at, code, c.r.m.Times.Layout)
	}
	if !again.IsZero() {
		if c.again == nil {
			c.again = make(map[string]time.Time)
		}
		c.again[field] = again
	}
	return t
}

func (c *cells) date(field, at string) casework.Date {
	text := c.text(field, at)
	if text == "" {
		return casework.Date{}
	}
	t, err := time.Parse(c.r.m.Dates.layout, text)
	if err != nil {
		c.found.Add(at, check.BadDate, c.r.m.Dates.Layout)
		return casework.Date{}
	}
	return casework.DateOf(t)
}

func (c *cells) number(field, at string) float64 {
	text := c.text(field, at)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n || n > 1e9 || n < -1e9 {
		c.found.Add(at, check.WrongType, "a number, with a point")
		return 0
	}
	return n
}

func (c *cells) incident(i *casework.Incident) {
	i.Status = casework.Status(c.code("status", "/status"))
	i.Type = c.code("type", "/type")
	i.ReportedAt = c.time("reportedAt", "/reportedAt")
	i.OccurredFrom = c.time("occurredFrom", "/occurredFrom")
	i.OccurredTo = c.time("occurredTo", "/occurredTo")
	i.DomesticAbuse = c.flag("domesticAbuse", "/domesticAbuse")
	i.ChildrenPresent = c.flag("childrenPresent", "/childrenPresent")
	i.DASH = casework.DASH(c.code("dash", "/dash"))
	i.Factors = c.list("factors", "/factors")
	for _, flag := range c.list("flags", "/flags") {
		switch factor, isFactor := strings.CutPrefix(flag, "factors/"); {
		case isFactor:
			i.Factors = append(i.Factors, factor)
		case flag == "domesticAbuse":
			i.DomesticAbuse = true
		case flag == "childrenPresent":
			i.ChildrenPresent = true
		}
	}
	i.Location = casework.Location{
		Text:      c.text("location.text", "/location/text"),
		Postcode:  c.text("location.postcode", "/location/postcode"),
		LSOA:      c.text("location.lsoa", "/location/lsoa"),
		Latitude:  c.number("location.latitude", "/location/latitude"),
		Longitude: c.number("location.longitude", "/location/longitude"),
	}
	i.ActionsTaken = c.list("actionsTaken", "/actionsTaken")
	i.Summary = c.text("summary", "/summary")
	i.ReportedBy = c.text("reportedBy", "/reportedBy")
	if opening, closing := c.text("nsir.opening", "/nsir/opening"), c.text("nsir.closing", "/nsir/closing"); opening != "" || closing != "" {
		i.NSIR = &casework.NSIR{Opening: opening, Closing: closing}
	}
	i.Classification = c.text("classification", "/classification")
	i.Officer = c.text("officer", "/officer")
}

func (c *cells) person() casework.Involvement {
	const at = "/persons/0"
	p := casework.Involvement{
		Role:        casework.Role(c.code("role", at+"/role")),
		Surname:     c.text("surname", at+"/surname"),
		Forenames:   c.text("forenames", at+"/forenames"),
		AlsoKnownAs: c.list("alsoKnownAs", at+"/alsoKnownAs"),
		DateOfBirth: c.date("dateOfBirth", at+"/dateOfBirth"),
		Sex:         casework.Sex(c.code("sex", at+"/sex")),
		PNC:         c.text("pnc", at+"/pnc"),
		CRO:         c.text("cro", at+"/cro"),
		Address:     c.text("address", at+"/address"),
		Postcode:    c.text("postcode", at+"/postcode"),
	}
	a := casework.Arrest{
		ASN:        c.text("arrest.asn", at+"/arrest/asn"),
		ArrestedAt: c.time("arrest.arrestedAt", at+"/arrest/arrestedAt"),
		Offence:    c.text("arrest.offence", at+"/arrest/offence"),
		Disposal:   c.text("arrest.disposal", at+"/arrest/disposal"),
	}
	if a != (casework.Arrest{}) {
		p.Arrest = &a
	}
	return p
}
