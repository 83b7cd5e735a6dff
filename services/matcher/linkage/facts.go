package linkage

import (
	"math/bits"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Subject is an identity with the weaker facts that some sources have.
type Subject struct {
	casework.Identity
	// Others are exact identifiers of any other kind, such as an e-mail address.
	Others []string
	// Town and Occupation say little, and are weighed so.
	Town       string
	Occupation string
}

// facts are a subject's facts, normalised and not yet tied to a register.
type facts struct {
	given   Subject
	names   []nameFacts
	birth   uint32
	sex     byte
	places  []placeFacts
	numbers []number
	others  []string
	town    string
	work    string
}

type nameFacts struct {
	sur, fore []string
	alias     bool
	from      uint8 // 0 the name itself, from 1 the aliases
}

type placeFacts struct {
	post   uint64 // packed postcode, 0 when not stated
	sector uint64 // of a British postcode
	house  uint32 // hash of the numbers, 0 when there is none
	street string
	before bool
	from   uint8 // 0 the place itself, from 1 the previous ones
}

// number is an identifier packed into an integer, so that one mistyped
// character can be seen without unpacking: six bits to a character, ten at most.
type number struct {
	of  field
	key uint64
}

func factsOf(s Subject) facts {
	f := facts{given: s, birth: packDate(s.DateOfBirth)}
	f.names = namesOf(s.Identity)
	if s.Sex == casework.Male || s.Sex == casework.Female {
		f.sex = s.Sex[0]
	}
	f.place(s.Place, 0)
	for i, p := range s.Previous {
		f.place(p, i+1)
	}
	for _, raw := range s.PNCs {
		p, err := casework.ParsePNC(raw)
		switch {
		case err == casework.ErrIdentifier:
			f.number(pncField, tail(raw, 10))
		case !p.Dummy():
			f.number(pncField, string(p[2:4])+string(p[5:]))
		}
	}
	for _, raw := range s.CROs {
		c, err := casework.ParseCRO(raw)
		switch {
		case err == casework.ErrIdentifier:
			f.number(croField, tail(raw, 10))
		case !c.Dummy():
			f.number(croField, strings.ReplaceAll(string(c), "/", ""))
		}
	}
	if s.NOMS != "" {
		if n, err := casework.ParseNOMS(s.NOMS); err == nil {
			f.other(n)
		}
	}
	for _, o := range s.Others {
		f.other(o)
	}
	f.town = strings.Join(words(nil, s.Town), " ")
	f.work = strings.Join(words(nil, s.Occupation), " ")
	return f
}

func namesOf(i casework.Identity) []nameFacts {
	first := nameFacts{sur: family(i.Surname), fore: words(nil, i.Forenames)}
	names := make([]nameFacts, 0, 1+len(i.Aliases))
	if len(first.sur)+len(first.fore) > 0 {
		names = append(names, first)
	}
	for n, a := range i.Aliases[:min(len(i.Aliases), 50)] {
		w := family(a)
		switch {
		case len(w) == 1 && len(first.sur) > 0:
			// One word alone is what somebody is called, not another family.
			names = append(names, nameFacts{sur: first.sur, fore: w, alias: true, from: uint8(n + 1)})
		case len(w) > 1:
			names = append(names, nameFacts{sur: w[len(w)-1:], fore: w[:len(w)-1], alias: true, from: uint8(n + 1)})
		}
	}
	if len(names) > 7 {
		names = names[:7]
	}
	return names
}

// packDate keeps the parts apart: 9 bits month and day, year above. Dates that
// systems put where they know none are not stated.
func packDate(d casework.Date) uint32 {
	if d.Year < firstYear || d.Year > lastYear {
		return 0
	}
	if d.Month == 1 && d.Day == 1 && (d.Year == 1900 || d.Year == 1970) {
		return 0
	}
	return uint32(d.Year)<<9 | uint32(d.Month)<<5 | uint32(d.Day)
}

func (f *facts) place(p casework.Place, from int) {
	var at placeFacts
	if pc, err := casework.ParsePostcode(p.Postcode); err == nil {
		if !pc.Dummy() {
			at.post = pack(strings.Replace(string(pc), " ", "", 1))
			at.sector = at.post >> 12 // without the last two letters
		}
	} else if p.Postcode != "" {
		at.post = pack(strings.ToUpper(tail(p.Postcode, 10)))
	}
	at.house, at.street = addressOf(p.Address)
	if at.post == 0 && at.street == "" {
		return
	}
	at.before, at.from = from > 0, uint8(from)
	for _, q := range f.places {
		if q.post == at.post && (at.street == "" || (q.street == at.street && q.house == at.house)) {
			return
		}
	}
	if len(f.places) < 8 && from < 50 {
		f.places = append(f.places, at)
	}
}

// mostNumbers of one person are compared: each is sought in all its spellings.
const mostNumbers = 100

func (f *facts) number(of field, s string) {
	if key := pack(strings.ToUpper(s)); key != 0 && len(f.numbers) < mostNumbers {
		f.numbers = append(f.numbers, number{of: of, key: key})
	}
}

func (f *facts) other(s string) {
	s = strings.TrimSpace(fold(s))
	if s == "" {
		return
	}
	f.others = append(f.others, s)
}

// tail keeps the last n letters and digits.
func tail(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return -1
	}, s)
	return s[max(0, len(s)-n):]
}

// pack puts up to ten capitals and digits into an integer, the last lowest.
// Longer texts are cut.
func pack(s string) uint64 {
	var key uint64
	for i := range min(len(s), 10) {
		c := s[i]
		var v uint64
		switch {
		case c >= '0' && c <= '9':
			v = uint64(c-'0') + 1
		case c >= 'A' && c <= 'Z':
			v = uint64(c-'A') + 11
		default:
			v = 63
		}
		key = key<<6 | v
	}
	return key
}

// oneApart reports whether two packed texts differ by one character or by two
// neighbours that changed places.
func oneApart(a, b uint64) bool {
	x := a ^ b
	if x == 0 {
		return false
	}
	// One bit for each character that differs.
	const lowest = 0x041041041041041
	if bits.OnesCount64((x|x>>1|x>>2|x>>3|x>>4|x>>5)&lowest) > 2 {
		return false
	}
	first, n := -1, 0
	for i := range 10 {
		if x>>(6*i)&63 != 0 {
			if first < 0 {
				first = i
			}
			n++
		}
	}
	if n == 1 {
		// A missing character at the front is another length, not a typing error.
		// Nor is a letter mistyped for a digit in a form that tells them apart.
		x, y := a>>(6*first)&63, b>>(6*first)&63
		return x != 0 && y != 0 && (x > 10) == (y > 10)
	}
	return n == 2 && x>>(6*(first+1))&63 != 0 &&
		a>>(6*first)&63 == b>>(6*(first+1))&63 && b>>(6*first)&63 == a>>(6*(first+1))&63
}

var addressWords = map[string]string{
	"st": "street", "str": "street", "rd": "road", "ave": "avenue", "av": "avenue", "cl": "close", "cres": "crescent", "cr": "crescent",
	"dr": "drive", "ln": "lane", "pl": "place", "sq": "square", "tce": "terrace", "terr": "terrace", "ct": "court", "gdns": "gardens",
	"gr": "grove", "hse": "house", "pk": "park", "ffd": "ffordd", "fford": "ffordd", "stryd": "stryd", "mt": "mount",
}

// addressOf takes the numbers of an address, hashed, and the words of the
// street. Towns after the street are dropped where commas tell.
func addressOf(s string) (house uint32, street string) {
	if s == "" {
		return 0, ""
	}
	s = fold(s)
	if strings.Contains(s, "no fixed") || s == "nfa" || strings.Contains(s, "unknown") || s == "homeless" {
		return 0, ""
	}
	var w []string
	for _, part := range strings.Split(s, ",") {
		for _, word := range words(nil, part) {
			if word[0] >= '0' && word[0] <= '9' {
				for i := range len(word) {
					house = (house ^ uint32(word[i])) * 16777619
				}
				house = (house ^ ' ') * 16777619
				continue
			}
			switch word {
			case "flat", "apartment", "apt", "unit", "room", "no", "number", "the":
				continue
			}
			if full, ok := addressWords[word]; ok {
				word = full
			}
			// German streets are written in one word, and in short.
			if stem, ok := strings.CutSuffix(strings.TrimSuffix(word, "asse"), "str"); ok && len(stem) > 2 {
				w, word = append(w, stem), "street"
			}
			w = append(w, word)
		}
		if len(w) > 0 {
			break // what follows is the town
		}
	}
	return house, strings.Join(w, " ")
}
