package desk

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// viewedAs are the codes of what was looked at: where, and of what.
var viewedAs = []struct{ prefix, key string }{
	{"PAGE_VIEW_", "did.page"}, {"API_READ_", "did.api"}, {"DOWNLOAD_", "did.download"}, {"EXPORT_", "did.export"},
}

// did is the code of a line of the trail in words. A code that has none, such as
// one of a later release, is shown as itself.
func (w words) did(code string) string {
	for _, v := range viewedAs {
		if of, is := strings.CutPrefix(code, v.prefix); is {
			return w.say(v.key, "what", w.either("seen", strings.ToLower(of)))
		}
	}
	if text, ok := w.text["did."+strings.ToLower(code)]; ok {
		return text
	}
	return code
}

// about is the code of what a line is about, in words or as itself.
func (w words) about(code string) string {
	if said := w.either("about", strings.ToLower(code)); said != strings.ToLower(code) || strings.ToLower(code) == code {
		return said
	}
	return code
}

// codesOf are the details that are codes of ours, by the area of their words.
var codesOf = map[string]string{"reason": "opened", "outcome": "outcome", "purpose": "purpose", "verdict": "finding", "force": "force"}

// details are what a line of the trail says besides, as names and values in an
// order that does not change. What is empty is left out; names and our
// own codes are in words, ids are what they are.
func (w words) details(raw []byte) []string {
	var all map[string]any
	if json.Unmarshal(raw, &all) != nil {
		return []string{string(raw)}
	}
	var said []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text, called := fmt.Sprint(all[name]), w.either("detail", name)
		switch value := all[name].(type) {
		case string:
			if area, known := codesOf[name]; known {
				text = w.either(area, value)
			}
		case bool:
			text = w.say(map[bool]string{true: "detail.yes", false: "detail.no"}[value])
		case []any:
			if len(value) > 12 {
				text, called = fmt.Sprint(len(value)), w.say("detail.many", "what", called)
				break
			}
			text = strings.Trim(strings.ReplaceAll(text, " ", ", "), "[]")
		default:
			if b, err := json.Marshal(value); err == nil {
				text = string(b)
			}
		}
		if text != "" {
			said = append(said, called+": "+text)
		}
	}
	return said
}
