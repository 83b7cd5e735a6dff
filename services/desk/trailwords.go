package desk

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
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
	if text, ok := w.text["about."+strings.ToLower(code)]; ok {
		return text
	}
	return code
}

// codesOf are the details that are codes of ours, by the areas of their words.
var codesOf = map[string][]string{
	"reason": {"opened"}, "outcome": {"outcome"}, "purpose": {"purpose"}, "verdict": {"finding", "verdict"}, "force": {"force"},
	"kind": {"kind", "extract"}, "role": {"part"}, "fromRole": {"part"}, "toRole": {"part"}, "channel": {"channel"},
	"answer": {"checklist", "answer"}, "type": {"about"}, "state": {"state"}, "band": {"band"}, "priority": {"priority"},
	"due": {"due.choice"}, "whose": {"whose"}, "sort": {"sort"}, "origin": {"origin"},
}

// details are what a line of the trail says besides, as names and values in an
// order that does not change. What is empty is left out; names, days and our
// own codes are in words, ids are what they are.
func (w words) details(raw []byte) []string {
	var all map[string]any
	if json.Unmarshal(raw, &all) != nil {
		return []string{string(raw)}
	}
	var said []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		called := w.detailName(name)
		if list, is := all[name].([]any); is && len(list) > 12 {
			said = append(said, fmt.Sprintf("%s: %d", w.say("detail.many", "what", called), len(list)))
		} else if text := w.detail(name, all[name]); text != "" {
			said = append(said, called+": "+text)
		}
	}
	return said
}

// detailName is what a detail is called: by itself, or as a filter, a question
// or a change of the caseload is.
func (w words) detailName(name string) string {
	for _, area := range []string{"detail", "change", "question", "filter"} {
		if text, ok := w.text[area+"."+name]; ok {
			return text
		}
	}
	return name
}

// detail is the value of one of them.
func (w words) detail(name string, value any) string {
	switch value := value.(type) {
	case string:
		return w.detailText(name, value)
	case bool:
		return w.say(map[bool]string{true: "detail.yes", false: "detail.no"}[value])
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case []any:
		var each []string
		for _, one := range value {
			each = append(each, w.detail(name, one))
		}
		return strings.Join(each, ", ")
	case map[string]any:
		var each []string
		for _, of := range slices.Sorted(maps.Keys(value)) {
			if text := w.detail(of, value[of]); text != "" {
				each = append(each, w.detailName(of)+" "+text)
			}
		}
		return strings.Join(each, "; ")
	}
	return ""
}

func (w words) detailText(name, value string) string {
	if name == "item" {
		return w.rule(value)
	}
	for _, area := range append(codesOf[name], "finding") {
		if text, ok := w.text[area+"."+value]; ok {
			return text
		}
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return w.moment(at)
	}
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return w.day(day)
	}
	return value
}
