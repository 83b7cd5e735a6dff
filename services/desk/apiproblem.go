package desk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// apiError is what HMPPS services answer, with the type of RFC 9457 beside it.
type apiError struct {
	Status           int    `json:"status"`
	Title            string `json:"title"`
	UserMessage      string `json:"userMessage"`
	DeveloperMessage string `json:"developerMessage"`
	// Errors are the mistakes in what was sent, each with its field.
	Errors []apiMistake `json:"errors,omitempty"`
}

// apiMistake is one of them: which field, why, as a code that stays the same,
// and what to do about it in the caller's language.
type apiMistake struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Action string `json:"action"`
}

// invalid are the mistakes in what was sent, by the fields of the page's form.
type invalid []fieldError

func (e invalid) Error() string {
	keys := make([]string, len(e))
	for i, m := range e {
		keys[i] = m.Key
	}
	return strings.Join(keys, ", ")
}

// wrong is one mistake.
func wrong(field, key string) error { return invalid{{field, key}} }

// apiFields are fields that the API calls otherwise than the pages' forms.
var apiFields = map[string]string{"risk": "riskChanged", "risk_reason": "riskReason", "manager": "managerConsulted", "consulted": "consultedAt", "spoke": "at"}

// apiField is what the API calls a field of a form. A day is one field there.
func apiField(field string) string {
	field = strings.TrimSuffix(field, "-day")
	if name, other := apiFields[field]; other {
		return name
	}
	return strings.Replace(field, "answer-", "answers.", 1)
}

// failAPI is fail, for programs.
func (v *visit) failAPI(err error) {
	status, key := http.StatusInternalServerError, "error"
	var mistakes invalid
	var many tooMany
	switch {
	case errors.As(err, &many):
		status, key = http.StatusTooManyRequests, "manytokens"
		v.w.Header().Set("Retry-After", strconv.Itoa(int(many.after.Seconds())+1))
	case errors.Is(err, errSignIn):
		status, key = http.StatusUnauthorized, "signin"
		v.w.Header().Set("WWW-Authenticate", "Bearer")
	case errors.Is(err, errForbidden):
		status, key = http.StatusForbidden, "forbidden"
	case errors.As(err, &mistakes):
		status, key = http.StatusUnprocessableEntity, "invalid"
	case errors.Is(err, casework.ErrNotFound):
		status, key = http.StatusNotFound, "notfound"
	case errors.Is(err, casework.ErrOwnDecision):
		status, key = http.StatusConflict, "owndecision"
	case errors.Is(err, casework.ErrChanged):
		status, key = http.StatusConflict, "changed"
	case errors.Is(err, casework.ErrUnavailable):
		status, key = http.StatusServiceUnavailable, "unavailable"
		v.w.Header().Set("Retry-After", "5")
	}
	if status >= 500 {
		v.Log.ErrorContext(v.Context(), "api", "route", v.route.pattern, "error", err)
	}
	w := v.languages[v.lang]
	e := apiError{Status: status, Title: w.say("problem." + key + ".title"), UserMessage: w.say("problem." + key + ".says"), DeveloperMessage: key}
	if len(mistakes) > 0 {
		texts := make([]string, len(mistakes))
		for i, m := range mistakes {
			texts[i] = w.say(m.Key)
			e.Errors = append(e.Errors, apiMistake{Field: apiField(m.Field), Reason: m.Key, Action: texts[i]})
		}
		e.UserMessage, e.DeveloperMessage = strings.Join(texts, ". "), mistakes.Error()
	}
	v.w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
	v.w.Header().Set("Content-Language", v.lang)
	v.w.WriteHeader(status)
	json.NewEncoder(v.w).Encode(e)
}

// body reads what was sent, and refuses what it does not know.
func (v *visit) body(into any) error {
	sent, err := io.ReadAll(v.Body)
	d := json.NewDecoder(bytes.NewReader(sent))
	d.DisallowUnknownFields()
	// What no text of the database may hold, and what comes after the end, is
	// refused like what is unknown. The decoder's own words may quote what was sent.
	// After an escaped backslash those six characters are text like any other.
	nought := bytes.Contains(bytes.ReplaceAll(sent, []byte(`\\`), nil), []byte(`\u0000`))
	if err != nil || nought || d.Decode(into) != nil || d.Decode(new(any)) != io.EOF {
		return wrong("body", "problem.invalid.says")
	}
	return nil
}
