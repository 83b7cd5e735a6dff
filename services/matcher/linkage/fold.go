package linkage

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Letters that do not come apart into a letter and a mark.
var letterPairs = strings.NewReplacer("ł", "l", "ø", "o", "đ", "d", "ð", "d", "þ", "th", "ß", "ss", "æ", "ae", "œ", "oe", "ı", "i")

// fold gives a text in small letters without marks: Siân and SIAN are one.
func fold(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || (c >= 'A' && c <= 'Z') {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	s = strings.ToLower(s)
	if ascii {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(letterPairs.Replace(s)) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Words that stand before a name and say nothing, once a name follows.
var particles = map[string]bool{
	"ap": true, "ab": true, "van": true, "von": true, "der": true, "den": true, "de": true, "da": true, "di": true,
	"del": true, "la": true, "le": true, "al": true, "el": true, "bin": true, "ibn": true, "bint": true,
	"mr": true, "mrs": true, "miss": true, "ms": true, "dr": true, "nee": true, "jr": true, "snr": true, "jnr": true,
}

// Prefixes that belong to the word after them: Mac Donald is MacDonald.
func prefix(s string) bool { return s == "mc" || s == "mac" || s == "o" || s == "st" }

// words parts a name. Apostrophes join (O'Brien), hyphens and spaces part.
func words(into []string, s string) []string {
	s = fold(s)
	from := len(into)
	start := -1
	flush := func(end int) {
		if start < 0 {
			return
		}
		w := s[start:end]
		start = -1
		if strings.ContainsAny(w, "'’`´ʼ.") {
			w = strings.NewReplacer("'", "", "’", "", "`", "", "´", "", "ʼ", "", ".", "").Replace(w)
		}
		if w == "" {
			return
		}
		if n := len(into); n > from && prefix(into[n-1]) {
			into[n-1] += w
			return
		}
		into = append(into, w)
	}
	for i, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '\'' || r == '’' || r == '`' || r == '´' || r == 'ʼ' {
			if start < 0 {
				start = i
			}
			continue
		}
		flush(i)
	}
	flush(len(s))
	return into
}

// family parts a surname, or a whole name, and drops what says nothing.
func family(s string) []string {
	all := words(nil, s)
	if len(all) < 2 {
		return all
	}
	kept := make([]string, 0, len(all))
	for _, w := range all {
		if !particles[w] {
			kept = append(kept, w)
		}
	}
	if len(kept) == 0 {
		return all
	}
	return kept
}

// sound is a code for how a name is said, on British and Welsh tongues: equal
// codes sound alike. Hughes, Hewes and Huws share one, as do Rhys and Reece.
func sound(s string) string {
	var b [24]byte
	n := 0
	put := func(c byte) {
		if n < len(b) && (n == 0 || b[n-1] != c) {
			b[n] = c
			n++
		}
	}
	at := func(i int) byte {
		if i >= 0 && i < len(s) {
			return s[i]
		}
		return 0
	}
	vowel := func(c byte) bool {
		return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y' || c == 'w'
	}
	for i := 0; i < len(s); i++ {
		c, next := s[i], at(i+1)
		switch c {
		case 'a', 'e', 'i', 'o', 'u':
			if i == 0 {
				put('a')
			}
		case 'y', 'w':
			if i == 0 {
				put(c)
			}
		case 'h':
			if i == 0 {
				put('h')
			} else if vowel(at(i-1)) && vowel(next) {
				put('h')
			}
		case 'c':
			switch {
			case next == 'h':
				put('x')
				i++
			case next == 'e' || next == 'i' || next == 'y':
				put('s')
			case next == 'k':
			default:
				put('k')
			}
		case 's':
			if next == 'h' || (next == 'c' && at(i+2) == 'h') || (next == 'z') {
				put('x')
				i++
				break
			}
			put('s')
		case 'p':
			if next == 'h' {
				put('f')
				i++
				break
			}
			put('p')
		case 'g':
			if next == 'h' {
				if i == 0 {
					put('k')
				}
				i++
				break
			}
			if next == 'e' || next == 'i' || next == 'y' {
				put('j')
				break
			}
			put('g')
		case 't':
			if next == 'h' {
				put('0')
				i++
				break
			}
			put('t')
		case 'd':
			if next == 'd' {
				put('0')
				i++
				break
			}
			put('d')
		case 'f', 'v':
			put('f')
		case 'q':
			put('k')
		case 'x':
			put('k')
			put('s')
		case 'z':
			put('s')
		case 'k':
			if i == 0 && next == 'n' {
				break
			}
			put('k')
		default:
			put(c)
		}
	}
	return string(b[:n])
}
