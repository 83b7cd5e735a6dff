package linkage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// field is one comparison. The order is that of a waterfall.
type field uint8

const (
	surnameField field = iota
	forenameField
	middleField
	formField
	birthField
	sexField
	placeField
	pncField
	croField
	otherField // any other exact identifier
	townField
	workField
	fieldCount
)

var fieldNames = [fieldCount]string{
	"surname", "forename", "middle names", "form of the name", "date of birth", "sex", "address",
	"PNC", "CRO", "identifier", "town", "occupation",
}

// The levels of each comparison, best first. Missing is none of them: it is no
// evidence.
const (
	surnameSame = iota
	surnameVariant
	surnameMistyped
	surnameAlike
	surnamePart
	surnameLoose
	surnameUnlike
	surnameUnlikeWoman
)

const (
	forenameSame = iota
	forenameVariant
	forenameMistyped
	forenameAlike
	forenameInitial
	forenameLoose
	forenameUnlike
)

const (
	middleSame = iota
	middleAlike
	middleInitial
	middleUnlike
)

const (
	formGiven = iota
	formMiddle
	formReversed
	formAlias
)

const (
	birthSame = iota
	birthSwapped
	birthOneDigit
	birthNear
	birthTwoParts
	birthYearOnly
	birthDayMonth
	birthUnlike
)

const (
	sexSame = iota
	sexUnlike
)

const (
	placeSame = iota
	placeSameBefore
	placeAlike
	placeUnit
	placeUnitBefore
	placeNeighbour
	placeUnitMistyped
	placeElsewhere
	placeSector
	placeDistrict
	placeArea
	placePostArea
	placeUnlike
	placePostUnlike
)

const (
	numberSame = iota
	numberMistyped
	numberUnlike
)

const (
	weakSame = iota
	weakAlike
	weakUnlike
)

// parted are levels that were one with another once. A model of that time
// weighs them as it weighed the other.
var parted = map[string]string{
	"same postcode area":                        "differs",
	"same postcode area, no address to compare": "postcode differs, no address to compare",
}

var numberLevels = []string{"the same", "one character apart", "differs"}

var levelNames = [fieldCount][]string{
	surnameField:  {"exact", "known variant", "mistyped", "similar", "one part of it", "loosely similar", "differs", "differs, a woman's"},
	forenameField: {"exact", "known variant", "mistyped", "similar", "initial", "loosely similar", "differs"},
	middleField:   {"exact", "similar", "initial", "differs"},
	formField:     {"as given", "a middle name used as the first", "forename and surname reversed", "an alias"},
	birthField:    {"exact", "day and month swapped", "one digit", "a day, a year or ten apart", "two parts of three", "year only", "day and month, another year", "differs"},
	sexField:      {"the same", "differs"},
	placeField: {"same address", "an earlier address", "similar address", "same postcode", "an earlier postcode", "same postcode, another house",
		"postcode mistyped", "same house and street, another postcode", "same postcode sector", "same postcode district",
		"same postcode area", "same postcode area, no address to compare", "differs", "postcode differs, no address to compare"},
	pncField:   numberLevels,
	croField:   numberLevels,
	otherField: numberLevels,
	townField:  {"the same", "similar", "differs"},
	workField:  {"the same", "similar", "differs"},
}

// Level holds what is expected of one level of agreement.
type Level struct {
	Level string `json:"level"`
	// M is the probability of the level between two records of one person.
	M float64 `json:"m"`
	// U is the probability of it between strangers, on average; where a value's own frequency is known, that takes its place.
	U float64 `json:"u"`
}

// Bits is the level's weight where no value's own frequency is known: log2(m/u).
func (l Level) Bits() float64 { return lg(l.M / l.U).bits() }

// Fields names the comparisons, in the order of a waterfall.
func Fields() []string { return slices.Clone(fieldNames[:]) }

// Model holds the weights of the comparison. It does not change once made.
type Model struct {
	// Expected is how many matches a query is expected to have on the register.
	Expected float64 `json:"expected"`
	// Relatives is how many relatives of people on the register, who are not themselves on it, there are to a match.
	Relatives float64 `json:"relatives"`
	// Rivals tells that a query can be one person of the register at most, so that another who fits as well lowers the probability of both.
	Rivals bool `json:"rivals"`
	// Copies is how many records of one person the register holds on average: 1 when it holds nobody twice. It keeps duplicates from making a value look common.
	Copies float64 `json:"copies"`
	// Scale is by how much the evidence overstates itself, because fields are not quite independent. 1 is not at all.
	Scale float64 `json:"scale"`
	// Certain and Probable are the probabilities from which a band begins; see the published curve.
	Certain  float64 `json:"certain"`
	Probable float64 `json:"probable"`
	// Margin is the least distance from the runner-up of a certain match, in bits.
	Margin float64            `json:"margin"`
	Fields map[string][]Level `json:"fields"`
	// Kinship tells relatives from the person. A model without it has the one that is believed.
	Kinship []Kin `json:"kinship,omitempty"`
	// Curve is what labelled data said of the model's probabilities, from which
	// Certain and Probable were read.
	Curve []CurvePoint `json:"curve,omitempty"`

	hash    string
	weights [fieldCount][]levelWeight
	moving  weight // log2 of how many live elsewhere now
	kin     []kinWeight
}

type levelWeight struct {
	m     float64
	u     float64
	lgM   weight
	plain weight // log2(m/u)
}

//go:embed model.json
var defaultModel []byte

// Default is the model that ships with the product.
func Default() *Model {
	m, err := ReadModel(defaultModel)
	if err != nil {
		panic("linkage: the embedded model: " + err.Error()) // proved by a test
	}
	return m
}

// ReadModel reads a model as [Model.JSON] writes it, and checks it.
func ReadModel(data []byte) (*Model, error) {
	m := &Model{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	return m, nil
}

// JSON writes the model. The same model gives the same bytes.
func (m *Model) JSON() []byte {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic("linkage: model cannot be encoded: " + err.Error()) // it is numbers and strings
	}
	return append(b, '\n')
}

// Hash names the model: a hash of its weights.
func (m *Model) Hash() string { return m.hash }

func (m *Model) prepare() error {
	if m.Scale == 0 {
		m.Scale = 1
	}
	m.Copies = max(m.Copies, 1)
	if m.Expected <= 0 || m.Scale < 0.1 || m.Scale > 2 || m.Relatives < 0 {
		return fmt.Errorf("model: expected, relatives and scale must be positive")
	}
	if !(0 < m.Probable && m.Probable <= m.Certain && m.Certain < 1) {
		return fmt.Errorf("model: bands must satisfy 0 < probable <= certain < 1")
	}
	for f := range fieldCount {
		given, err := levelsOf(f, m.Fields[fieldNames[f]])
		if err != nil {
			return err
		}
		m.weights[f] = make([]levelWeight, len(given))
		for i, l := range given {
			if !(l.M > 0 && l.M <= 1 && l.U > 0 && l.U <= 1) {
				return fmt.Errorf("model: field %q, level %q: m and u must lie above 0 and not above 1", fieldNames[f], l.Level)
			}
			m.weights[f][i] = levelWeight{m: l.M, u: l.U, lgM: lg(l.M), plain: m.scaled(lg(l.M / l.U))}
		}
	}
	elsewhere := 0.0
	for _, l := range m.weights[placeField][placeSector:] {
		elsewhere += l.m
	}
	m.moving = m.scaled(lg(min(1, elsewhere)))
	if err := m.prepareKin(); err != nil {
		return err
	}
	sum := sha256.Sum256(m.JSON())
	m.hash = hex.EncodeToString(sum[:8])
	return nil
}

// levelsOf puts a field's levels in order, and gives those that an older model
// does not know the weight of what they were parted from.
func levelsOf(f field, given []Level) ([]Level, error) {
	all := make([]Level, 0, len(levelNames[f]))
	known := 0
	for _, name := range levelNames[f] {
		at := slices.IndexFunc(given, func(l Level) bool { return l.Level == name })
		if at >= 0 {
			known++
		} else {
			at = slices.IndexFunc(given, func(l Level) bool { return l.Level == parted[name] && parted[name] != "" })
		}
		if at < 0 {
			return nil, fmt.Errorf("model: field %q has no level %q", fieldNames[f], name)
		}
		l := given[at]
		l.Level = name
		all = append(all, l)
	}
	if known != len(given) {
		return nil, fmt.Errorf("model: field %q has %d levels of which %d are known", fieldNames[f], len(given), known)
	}
	return all, nil
}

// scaled applies the model's scale to a weight.
func (m *Model) scaled(w weight) weight {
	if m.Scale == 1 {
		return w
	}
	return weight(math.RoundToEven(float64(w) * m.Scale))
}

// Deduplicating is the model for a register that holds people several times,
// compared with itself: nobody is the rival of anybody.
func (m *Model) Deduplicating() *Model {
	c := m.clone()
	c.Rivals, c.Expected, c.Copies = false, 1, 2
	if err := c.prepare(); err != nil {
		panic("linkage: " + err.Error()) // m was sound, and so is this
	}
	return c
}
