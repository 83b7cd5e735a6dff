package events

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// roundTrip decodes an example and makes it anew from the Go type.
func roundTrip[P Payload](t *testing.T, e Event) Event {
	t.Helper()
	env, err := Decode[P](e)
	if err != nil {
		t.Fatal(err)
	}
	return New(env.OccurredAt, env.AdditionalInformation)
}

var kinds = map[string]func(*testing.T, Event) Event{
	"incidents.received":   roundTrip[IncidentReceived],
	"incidents.withdrawn":  roundTrip[IncidentWithdrawn],
	"caseload.changed":     roundTrip[CaseloadChanged],
	"matches.found":        roundTrip[MatchFound],
	"matches.confirmed":    roundTrip[MatchConfirmed],
	"matches.dismissed":    roundTrip[MatchDismissed],
	"matches.retracted":    roundTrip[MatchRetracted],
	"matches.superseded":   roundTrip[MatchSuperseded],
	"matches.updated":      roundTrip[MatchUpdated],
	"actions.raised":       roundTrip[ActionRaised],
	"actions.acknowledged": roundTrip[ActionAcknowledged],
	"actions.escalated":    roundTrip[ActionEscalated],
	"actions.closed":       roundTrip[ActionClosed],
	"decisions.recorded":   roundTrip[DecisionRecorded],
	"enquiries.asked":      roundTrip[EnquiryAsked],
	"enquiries.answered":   roundTrip[EnquiryAnswered],
	"disclosures.received": roundTrip[DisclosureReceived],
	"audit.sealed":         roundTrip[AuditSealed],
}

func TestEveryExampleKeepsToItsSchemaAndItsGoType(t *testing.T) {
	for name, again := range kinds {
		t.Run(name, func(t *testing.T) {
			schema := compile(t, name)
			example := read(t, name+".example.json")
			if err := schema.Validate(parse(t, example)); err != nil {
				t.Fatalf("the example breaks the schema: %v", err)
			}
			got := again(t, Event{ID: 1, Subject: name, Data: example})
			if diff := cmp.Diff(parse(t, example), parse(t, got.Data)); diff != "" {
				t.Errorf("the Go type does not say the same (-example +Go):\n%s", diff)
			}
			if got.Subject != name && !strings.HasPrefix(got.Subject, name+".") {
				t.Errorf("got subject %s, want %s", got.Subject, name)
			}
		})
	}
}

func TestEverySchemaHasAGoTypeAndAnExample(t *testing.T) {
	files, err := filepath.Glob("*.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(kinds) {
		t.Errorf("got %d schemas, want %d", len(files), len(kinds))
	}
	for _, f := range files {
		if kinds[strings.TrimSuffix(f, ".schema.json")] == nil {
			t.Errorf("%s has no Go type", f)
		}
	}
}

func TestASchemaRefusesAName(t *testing.T) {
	for name := range kinds {
		example := parse(t, read(t, name+".example.json")).(map[string]any)
		example["additionalInformation"].(map[string]any)["surname"] = "Canary"
		if compile(t, name).Validate(example) == nil {
			t.Errorf("%s lets a surname through", name)
		}
	}
}

func TestEveryEventHasAChannelInTheAsyncAPI(t *testing.T) {
	api := string(read(t, "../api/streams.asyncapi.yaml"))
	for name := range kinds {
		if !strings.Contains(api, "../events/"+name+".schema.json") {
			t.Errorf("schemas/api/streams.asyncapi.yaml does not offer %s", name)
		}
	}
}

func TestAnEventOfAnotherKindIsAPermanentFailure(t *testing.T) {
	e := New(time.Now(), MatchFound{MatchID: 1})
	for what, e := range map[string]Event{
		"another type": e,
		"not JSON":     {ID: 2, Subject: "matches.confirmed", Data: []byte("{")},
		"a later version": {ID: 3, Subject: "matches.confirmed",
			Data: []byte(`{"eventType":"reportable.match.confirmed","version":9,"occurredAt":"2026-03-09T22:14:05Z","additionalInformation":{}}`)},
	} {
		_, err := Decode[MatchConfirmed](e)
		var p interface{ Permanent() bool }
		if !errors.As(err, &p) || !p.Permanent() {
			t.Errorf("%s: got %v, want a permanent error", what, err)
		}
	}
}

func TestTimesAreWrittenInUTC(t *testing.T) {
	london := time.FixedZone("BST", 3600)
	e := New(time.Date(2026, 6, 1, 9, 0, 0, 0, london), CaseloadChanged{RegisterVersion: 1})
	env, err := Decode[CaseloadChanged](e)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC); !env.OccurredAt.Equal(want) || !strings.Contains(string(e.Data), "08:00:00Z") {
		t.Errorf("got %s, want %s", env.OccurredAt, want)
	}
}

func TestPermanentOfNoErrorIsNoError(t *testing.T) {
	if Permanent(nil) != nil {
		t.Error("an error came of none")
	}
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, b []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
