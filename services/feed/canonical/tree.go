package canonical

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is the type of a JSON value.
type kind byte

const (
	isNull kind = iota
	isBool
	isNumber
	isText
	isObject
	isArray
)

// value is one JSON value. We read into a tree of our own, and not into the
// incident at once, because encoding/json stops at the first value of a wrong
// type, says so with the value in its text, and forgives repeated fields.
type value struct {
	kind   kind
	yes    bool
	text   string // of a text or a number
	broken bool   // the text has half a surrogate pair
	fields []field
	items  []value
}

type field struct {
	key string
	value
}

// deepest is how far values may nest; an incident's go to four.
const deepest = 32

var errDeep = errors.New("nested too deeply")

// parser reads one record after the other; a tree is good until the next one.
// Its nodes stand in two slabs that are used again, and the texts of a record
// of common size are parts of one string: a record has fifty values, and making
// room for each by itself cost more than reading it.
type parser struct {
	raw   []byte
	whole string // raw, if that is short enough for its texts to hold on to
	at    int

	openFields []field // of objects that are being read, the innermost last
	openItems  []value
	fields     []field
	items      []value
}

const (
	// wholeText is how long a record may be whose texts share its memory: what
	// is left of it after the rules may be little.
	wholeText = 4 << 10
	// slab is how many nodes are made room for at once, and kept for the next.
	slab = 256
)

// parse reads raw, which json.Valid has approved.
func (p *parser) parse(raw []byte) (value, error) {
	p.raw, p.whole, p.at = raw, "", 0
	if len(raw) <= wholeText {
		p.whole = string(raw)
	}
	p.openFields, p.openItems = emptied(p.openFields), emptied(p.openItems)
	p.fields, p.items = emptied(p.fields), emptied(p.items)
	return p.value(0)
}

// emptied gives a slab again, but not one that an unusual record made large.
func emptied[T any](s []T) []T {
	if cap(s) > 16*slab {
		return nil
	}
	return s[:0]
}

// settle moves what is complete from where it was gathered into its slab.
func settle[T any](gathered []T, into *[]T) []T {
	if len(gathered) == 0 {
		return nil
	}
	if cap(*into)-len(*into) < len(gathered) {
		*into = make([]T, 0, max(slab, len(gathered))) // what stands in the last slab stays there
	}
	start := len(*into)
	*into = append(*into, gathered...)
	return (*into)[start:len(*into):len(*into)]
}

func (p *parser) space() byte {
	for p.at < len(p.raw) {
		switch c := p.raw[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
	return 0
}

func (p *parser) value(depth int) (value, error) {
	if depth > deepest {
		return value{}, errDeep
	}
	switch c := p.space(); c {
	case '{':
		v := value{kind: isObject}
		open := len(p.openFields)
		p.at++
		for p.space() != '}' {
			if p.raw[p.at] == ',' {
				p.at++
				p.space()
			}
			key, _ := p.text()
			p.space()
			p.at++ // the colon
			item, err := p.value(depth + 1)
			if err != nil {
				return v, err
			}
			p.openFields = append(p.openFields, field{key, item})
		}
		p.at++
		v.fields = settle(p.openFields[open:], &p.fields)
		p.openFields = p.openFields[:open]
		return v, nil
	case '[':
		v := value{kind: isArray}
		open := len(p.openItems)
		p.at++
		for p.space() != ']' {
			if p.raw[p.at] == ',' {
				p.at++
			}
			item, err := p.value(depth + 1)
			if err != nil {
				return v, err
			}
			p.openItems = append(p.openItems, item)
		}
		p.at++
		v.items = settle(p.openItems[open:], &p.items)
		p.openItems = p.openItems[:open]
		return v, nil
	case '"':
		text, broken := p.text()
		return value{kind: isText, text: text, broken: broken}, nil
	case 't':
		p.at += 4
		return value{kind: isBool, yes: true}, nil
	case 'f':
		p.at += 5
		return value{kind: isBool}, nil
	case 'n':
		p.at += 4
		return value{}, nil
	default:
		start := p.at
		for p.at < len(p.raw) && strings.IndexByte("+-.0123456789eE", p.raw[p.at]) >= 0 {
			p.at++
		}
		return value{kind: isNumber, text: string(p.raw[start:p.at])}, nil
	}
}

// text reads a string. Half a surrogate pair and bytes that are not UTF-8 are
// reported, where encoding/json would put a replacement character: a name with
// a hole in it would be matched as if the force had spelt it so.
func (p *parser) text() (s string, broken bool) {
	start := p.at
	plain := true
	for p.at++; p.raw[p.at] != '"'; p.at++ {
		if p.raw[p.at] == '\\' {
			plain = false
			p.at++
		}
	}
	p.at++
	quoted := p.raw[start:p.at]
	if plain {
		if p.whole != "" {
			s = p.whole[start+1 : p.at-1]
		} else {
			s = string(quoted[1 : len(quoted)-1])
		}
		return s, !utf8.ValidString(s)
	}
	if json.Unmarshal(quoted, &s) != nil {
		return "", true
	}
	return s, !utf8.Valid(quoted) || halfPair(quoted)
}

// halfPair finds a \u escape that is half of a surrogate pair without the other.
func halfPair(quoted []byte) bool {
	for i := 0; i+1 < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' || i+4 >= len(quoted) {
			continue
		}
		n, _ := strconv.ParseUint(string(quoted[i+1:i+5]), 16, 32)
		i += 4
		switch {
		case n >= 0xdc00 && n < 0xe000:
			return true
		case n >= 0xd800 && n < 0xdc00:
			if i+6 >= len(quoted) || quoted[i+1] != '\\' || quoted[i+2] != 'u' {
				return true
			}
			low, _ := strconv.ParseUint(string(quoted[i+3:i+7]), 16, 32)
			if low < 0xdc00 || low >= 0xe000 {
				return true
			}
			i += 6
		}
	}
	return false
}
