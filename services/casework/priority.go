package casework

import "slices"

// PriorityOf orders the work that an incident asks for when it concerns the
// person. It is a sensible default from what police and the case record say;
// nothing here is computed risk.
//
// Urgent is what cannot wait for the morning: DASH high, a weapon where there is
// known danger, a child at risk, somebody unlawfully at large. High is domestic abuse, high risk of serious
// harm, MAPPA level 2 or 3, a child or a weapon, and every arrest. The rest is
// standard.
func PriorityOf(i *Incident, p *Person) Priority {
	weapon := slices.Contains(i.Factors, "weapon")
	child := i.InvolvesChildren()
	dangerous := p.RoSH == RoSHHigh || p.RoSH == RoSHVeryHigh || p.MAPPA.Level >= 2
	switch {
	case i.DASH == DASHHigh, p.Circumstances.UnlawfullyAtLarge,
		weapon && (i.DomesticAbuse || dangerous || p.HasRegister("WEAP") || p.HasRegister("AV2S") || p.HasRegister("AV2S2")),
		child && (i.DASH == DASHMedium || p.ChildFlag()):
		return Urgent
	case i.DomesticAbuse, dangerous, child, weapon, i.Kind == KindArrest:
		return High
	}
	return Standard
}

// InvolvesChildren reports whether police saw a child there or name one.
func (i *Incident) InvolvesChildren() bool {
	return i.ChildrenPresent || slices.ContainsFunc(i.Persons, func(v Involvement) bool { return v.Role == RoleChild })
}

// ChildFlag reports whether the case carries one of the flags for risk to children.
func (p *Person) ChildFlag() bool {
	return p.HasRegister("RCCO") || p.HasRegister("RCPR") || p.HasRegister("RCHD")
}

// rank orders priorities; an unknown one is the lowest.
var rank = map[Priority]int{Urgent: 2, High: 1, Standard: 0}

// Above reports whether p is more pressing than q.
func (p Priority) Above(q Priority) bool { return rank[p] > rank[q] }
