package evaluation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// set is made-up data of a kind that the product was not made for, as files.
type set struct {
	name, mapping            string
	dedupe, cluster          string
	register, queries, truth string
	// What is found at least, without training and with it.
	plain, trained float64
}

// maker makes people up whose names are as unevenly spread as names are.
type maker struct {
	*rand.Rand
	fore, sur, towns, jobs, streets []string
}

func newMaker(seed uint64) maker {
	m := maker{Rand: rand.New(rand.NewPCG(seed, 3))}
	m.fore = m.words(strings.Fields("john william thomas george james mary elizabeth anna sarah charles henry robert joseph edward margaret jane alice emma frances louise peter martin paul maria lucas noah hans karl klaus greta inge"), 400, 3)
	m.sur = m.words(strings.Fields("smith jones brown taylor wilson johnson white martin anderson thompson wood walker clark hall green lewis harris baker schmidt mueller weber garcia lopez nguyen kim ivanov rossi silva"), 3000, 4)
	m.towns = m.words(strings.Fields("london bristol york dublin boston hamburg bremen lyon perth adelaide"), 120, 5)
	m.jobs = strings.Fields("politician writer painter actor cricketer footballer clergyman soldier physician engineer lawyer farmer merchant composer botanist")
	m.streets = m.words(strings.Fields("high church station park victoria mill king queen"), 500, 5)
	return m
}

// words adds made-up ones to a list.
func (m maker) words(list []string, n, syllables int) []string {
	onset := strings.Fields("b c d f g h j k l m n p r s t v w br cl dr gr pr st tr th sh")
	vowel := strings.Fields("a e i o u ai ea ou")
	coda := strings.Fields("n r s l t m nd rd ld ck ss")
	for len(list) < n {
		s := ""
		for range 1 + m.IntN(syllables-1) {
			s += onset[m.IntN(len(onset))] + vowel[m.IntN(len(vowel))]
		}
		list = append(list, s+coda[m.IntN(len(coda))])
	}
	return list
}

// of draws by Zipf: the first are common.
func (m maker) of(list []string) string {
	return list[int(math.Pow(float64(len(list)), m.Float64()))-1]
}

func (m maker) some(p float64) bool { return m.Float64() < p }

// typo spoils a word by one slip.
func (m maker) typo(s string) string {
	if len(s) < 2 {
		return s
	}
	b := []byte(s)
	k := m.IntN(len(b) - 1)
	switch m.IntN(4) {
	case 0:
		b[k], b[k+1] = b[k+1], b[k]
	case 1:
		b[k] = byte('a' + m.IntN(26))
	case 2:
		b = append(b[:k], b[k+1:]...)
	default:
		b = append(b[:k+1], b[k:]...)
	}
	return string(b)
}

func (m maker) maybe(p float64, s string) string {
	if m.some(p) {
		return m.typo(s)
	}
	return s
}

type human struct {
	fore, middle, sur, town, job, street, house, zip, mail string

	y, mo, d int
}

func (m maker) human() human {
	h := human{fore: m.of(m.fore), sur: m.of(m.sur), town: m.of(m.towns), job: m.of(m.jobs), street: m.of(m.streets), house: strconv.Itoa(1 + m.IntN(120)), y: 1930 + m.IntN(75), mo: 1 + m.IntN(12), d: 1 + m.IntN(28)}
	if m.some(.4) {
		h.middle = m.of(m.fore)
	}
	h.zip = strconv.Itoa(2000 + m.IntN(400)*7)
	h.mail = h.fore[:1] + h.sur + strconv.Itoa(m.IntN(99)) + "@" + m.of(m.towns) + ".example"
	return h
}

func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (m maker) date(h human, errs float64) (int, int, int) {
	y, mo, d := h.y, h.mo, h.d
	if m.some(errs) {
		switch m.IntN(5) {
		case 0:
			if d <= 12 {
				mo, d = d, mo
			}
		case 1:
			d = 1 + m.IntN(28)
		case 2:
			mo = 1 + m.IntN(12)
		case 3:
			y += m.IntN(5) - 2
		case 4:
			d, mo = 1, 1
		}
	}
	return y, mo, d
}

func made() []set {
	return []set{spoiled(1), titled(2), historical(3), american(4), mailing(5), few(6)}
}

// Swapped names, typing errors, several to a record; four-figure postcodes; no number.
func spoiled(seed uint64) set {
	m := newMaker(seed)
	var b strings.Builder
	b.WriteString("rec,given_name,surname,number,address,suburb,pcode,dob,who\n")
	n := 0
	for who := range 250 {
		h := m.human()
		for k := range 1 + int(m.ExpFloat64()*1.3) {
			e := .22
			if k == 0 {
				e = 0
			}
			f, s := m.maybe(e, h.fore), m.maybe(e, h.sur)
			if m.some(e / 2) {
				f, s = s, f
			}
			if m.some(e / 4) {
				f = ""
			}
			y, mo, d := m.date(h, e)
			dob := fmt.Sprintf("%04d%02d%02d", y, mo, d)
			if m.some(e / 3) {
				dob = ""
			}
			zip := h.zip
			if m.some(e / 2) {
				zip = m.maybe(1, zip)
			}
			n++
			fmt.Fprintf(&b, "r%d,%s,%s,%s,%s street,%s,%s,%s,%d\n", n, f, s, h.house, m.maybe(e, h.street), m.maybe(e, h.town), zip, dob, who)
		}
	}
	return set{name: "spoiled", plain: 0.99, trained: 0.99, dedupe: b.String(), cluster: "who", mapping: "id: rec\nforenames: given_name\nsurname: surname\naddress: [number, address]\npostcode: pcode\nplace: suburb\ndateOfBirth: {column: dob, layout: YYYYMMDD}\n"}
}

// Whole names with titles, in capitals or the surname first; German postcodes; a third without a birthday; BOM and semicolons.
func titled(seed uint64) set {
	m := newMaker(seed)
	s := set{name: "titled", plain: 0.97, trained: 0.97, mapping: "register:\n  id: nr\n  fullName: name\n  dateOfBirth: {column: geboren, layout: DD.MM.YYYY}\n  address: strasse\n  postcode: plz\n  place: ort\nqueries:\n  id: id\n  fullName: person\n  dateOfBirth: {column: born, layout: DD/MM/YYYY}\n  address: addr\n  postcode: zip\n"}
	var r, q, t strings.Builder
	r.WriteString("\ufeffnr;name;geboren;strasse;plz;ort\n")
	q.WriteString("id,person,born,addr,zip\n")
	t.WriteString("query,person\n")
	for i := range 900 {
		h := m.human()
		name := title(h.fore) + " " + title(h.sur)
		if h.middle != "" && m.some(.5) {
			name = title(h.fore) + " " + title(h.middle) + " " + title(h.sur)
		}
		if m.some(.3) {
			name = []string{"Dr. ", "Mr ", "Mrs. ", "Herr ", "Frau "}[m.IntN(5)] + name
		}
		born := fmt.Sprintf("%02d.%02d.%04d", h.d, h.mo, h.y)
		if m.some(.3) {
			born = ""
		}
		fmt.Fprintf(&r, "p%d;%s;%s;%sstrasse %s;2%s;%s\n", i, name, born, title(h.street), h.house, h.zip, title(h.town))
		if i%3 > 0 {
			continue
		}
		truth := fmt.Sprint("p", i)
		if m.some(.5) { // somebody else
			h, truth = m.human(), ""
		}
		f, sur := m.maybe(.1, h.fore), m.maybe(.12, h.sur)
		name = strings.ToUpper(sur + ", " + f)
		switch m.IntN(4) {
		case 0:
			name = title(f) + " " + title(sur)
		case 1:
			name = "MR " + strings.ToUpper(f+" "+sur)
		}
		y, mo, d := m.date(h, .1)
		born = fmt.Sprintf("%02d/%02d/%04d", d, mo, y)
		if m.some(.3) {
			born = ""
		}
		addr, zip := title(h.street)+"str. "+h.house, "2"+h.zip
		if m.some(.35) {
			addr, zip = "", ""
		}
		fmt.Fprintf(&q, "q%d,\"%s\",%s,%s,%s\n", i, name, born, addr, zip)
		fmt.Fprintf(&t, "q%d,%s\n", i, truth)
	}
	s.register, s.queries, s.truth = r.String(), q.String(), t.String()
	return s
}

// Names, a year or a date of birth, place and occupation; about eight records to a person, tabs.
func historical(seed uint64) set {
	m := newMaker(seed)
	var b strings.Builder
	b.WriteString("unique_id\tcluster\tfirst_name\tsurname\tdob\tbirth_place\tpostcode_fake\toccupation\n")
	short := map[string]string{"william": "wm", "john": "jno", "thomas": "thos", "charles": "chas", "james": "jas", "elizabeth": "eliza", "margaret": "maggie", "george": "geo"}
	n := 0
	for who := range 60 {
		h := m.human()
		h.y -= 100
		exact := m.some(.6)
		out := fmt.Sprintf("%s%d %d%c%c", []string{"BS", "YO", "SW", "E", "M"}[m.IntN(5)], 1+m.IntN(20), m.IntN(10), 'A'+m.IntN(20), 'A'+m.IntN(20))
		for range 1 + int(m.ExpFloat64()*7) {
			f, s := h.fore, h.sur
			if m.some(.15) && short[f] != "" {
				f = short[f]
			} else if m.some(.08) {
				f = f[:1]
			} else if m.some(.1) && h.middle != "" {
				f = h.middle
			}
			f, s = m.maybe(.07, f), m.maybe(.1, s)
			if m.some(.04) {
				s = m.of(m.sur)
			}
			y, mo, d := m.date(h, .08)
			if !exact {
				mo, d = 1, 1
			}
			dob := fmt.Sprintf("%04d-%02d-%02d", y, mo, d)
			if m.some(.2) {
				dob = ""
			}
			place, zip, job := m.maybe(.05, h.town), out, h.job
			if m.some(.15) {
				place = m.of(m.towns)
			}
			if m.some(.3) {
				place = ""
			}
			if m.some(.1) {
				zip = m.typo(zip)
			}
			if m.some(.4) {
				zip = ""
			}
			if m.some(.3) {
				job = m.of(m.jobs)
			}
			if m.some(.3) {
				job = ""
			}
			n++
			fmt.Fprintf(&b, "Q%d\tc%d\t%s\t%s\t%s\t%s\t%s\t%s\n", n, who, f, s, dob, place, zip, job)
		}
	}
	return set{name: "historical", plain: 0.94, trained: 0.96, dedupe: b.String(), cluster: "cluster", mapping: "id: unique_id\nforenames: first_name\nsurname: surname\ndateOfBirth: dob\nplace: birth_place\npostcode: postcode_fake\noccupation: occupation\n"}
}

// Capitals, month first, nothing but names and a birthday, of which a tenth is wrong.
func american(seed uint64) set {
	m := newMaker(seed)
	s := set{name: "american", plain: 0.98, trained: 0.99, mapping: "id: ID\nforenames: [FIRST, MIDDLE]\nsurname: LAST\nsex: SEX\ndateOfBirth: {column: DOB, layout: MM/DD/YYYY}\n"}
	var r, q, t strings.Builder
	r.WriteString("ID,FIRST,MIDDLE,LAST,SEX,DOB\n")
	q.WriteString("ID,FIRST,MIDDLE,LAST,SEX,DOB\n")
	t.WriteString("query,person\n")
	for i := range 1200 {
		h := m.human()
		sex := []string{"M", "F"}[len(h.fore)%2]
		fmt.Fprintf(&r, "p%d,%s,%s,%s,%s,%02d/%02d/%04d\n", i, strings.ToUpper(h.fore), strings.ToUpper(h.middle), strings.ToUpper(h.sur), sex, h.mo, h.d, h.y)
		if i%4 > 0 {
			continue
		}
		truth := fmt.Sprint("p", i)
		if m.some(.3) {
			h, truth = m.human(), ""
		}
		f, mid, sur := m.maybe(.08, h.fore), h.middle, m.maybe(.1, h.sur)
		if m.some(.5) && mid != "" {
			mid = mid[:1]
		}
		if m.some(.06) {
			f, sur = sur, f
		}
		if m.some(.05) {
			sur = m.of(m.sur)
		}
		y, mo, d := m.date(h, .1)
		fmt.Fprintf(&q, "q%d,%s,%s,%s,%s,%02d/%02d/%04d\n", i, strings.ToUpper(f), strings.ToUpper(mid), strings.ToUpper(sur), sex, mo, d, y)
		fmt.Fprintf(&t, "q%d,%s\n", i, truth)
	}
	s.register, s.queries, s.truth = r.String(), q.String(), t.String()
	return s
}

// Half of everything missing; an address for mail tells most.
func mailing(seed uint64) set {
	m := newMaker(seed)
	var b strings.Builder
	b.WriteString("id;first;last;born;city;email;cl\n")
	n := 0
	for who := range 150 {
		h := m.human()
		for range 1 + m.IntN(6) {
			f, s := m.maybe(.2, h.fore), m.maybe(.2, h.sur)
			if m.some(.08) {
				f, s = s, f
			}
			if m.some(.2) {
				f = ""
			}
			if m.some(.2) {
				s = ""
			}
			y, mo, d := m.date(h, .35)
			mail := m.maybe(.15, h.mail)
			if m.some(.25) {
				mail = ""
			}
			town := m.maybe(.15, h.town)
			if m.some(.2) {
				town = ""
			}
			n++
			fmt.Fprintf(&b, "%d;%s;%s;%04d-%02d-%02d;%s;%s;%d\n", n, title(f), title(s), y, mo, d, title(town), mail, who)
		}
	}
	return set{name: "mailing", plain: 0.94, trained: 0.96, dedupe: b.String(), cluster: "cl", mapping: "id: id\nforenames: first\nsurname: last\ndateOfBirth: born\nplace: city\nidentifiers: email\n"}
}

// Few facts: years of birth and towns.
func few(seed uint64) set {
	m := newMaker(seed)
	s := set{name: "few facts", plain: 0.97, trained: 0.98, mapping: "id: id\nfullName: name\ndateOfBirth: {column: year}\nplace: town\noccupation: job\n"}
	var r, q, t strings.Builder
	r.WriteString("id,name,year,town,job\n")
	q.WriteString("id,name,year,town,job\n")
	t.WriteString("query,person\n")
	for i := range 800 {
		h := m.human()
		fmt.Fprintf(&r, "p%d,%s %s,%d,%s,%s\n", i, h.fore, h.sur, h.y, h.town, h.job)
		if i%2 > 0 {
			continue
		}
		truth := fmt.Sprint("p", i)
		if m.some(.4) {
			h, truth = m.human(), ""
		}
		y := h.y
		if m.some(.15) {
			y += m.IntN(3) - 1
		}
		town := h.town
		if m.some(.15) {
			town = m.of(m.towns)
		}
		fmt.Fprintf(&q, "q%d,%s %s,%d,%s,%s\n", i, m.maybe(.08, h.fore), m.maybe(.1, h.sur), y, town, h.job)
		fmt.Fprintf(&t, "q%d,%s\n", i, truth)
	}
	s.register, s.queries, s.truth = r.String(), q.String(), t.String()
	return s
}
