package casework

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Contact is what the case record takes of a confirmed match: a contact of type
// C204, Police Liaison.
type Contact struct {
	// Key is the same however often the contact is sent.
	Key         string    `json:"key"`
	Type        string    `json:"type"`
	CRN         string    `json:"crn"`
	Staff       string    `json:"staffCode"`
	Team        string    `json:"teamCode"`
	Reference   string    `json:"reference"` // force and its reference
	Occurred    time.Time `json:"occurredAt"`
	Notes       string    `json:"notes"`
	Alert       bool      `json:"alert"`
	Sensitive   bool      `json:"sensitive"`
	ViSORReport bool      `json:"visorReport"`
}

// PoliceLiaison is the contact's type.
const PoliceLiaison = "C204"

// NewContact is the contact of the n-th person of an incident, from 1, who is
// the person on probation. No address is in it, nor who called, nor what became
// of a disclosure: the person on probation may come to read their record.
func NewContact(i Incident, n int, p Person, priority Priority) Contact {
	c := Contact{
		Type: PoliceLiaison, CRN: p.CRN, Staff: p.Practitioner, Team: p.Team,
		Reference: i.Force + "/" + i.Reference, Occurred: i.OccurredFrom.UTC(),
		Alert: priority == Urgent || priority == High,
		// Sensitive keeps it from being disclosed without thought. An incident that
		// names somebody beside the person is; one of domestic abuse always.
		Sensitive: i.DomesticAbuse || i.ChildrenPresent || len(i.Persons) > 1,
	}
	for _, r := range p.Registers {
		c.ViSORReport = c.ViSORReport || r == "AVIS"
	}
	c.Notes = notesOf(i, n)
	return c
}

// Digest stands for what was sent, so that what the far end holds can be
// compared with it. Staff and team are not in it, for the far end moves them
// with the case, nor the CRN, which changes when cases are merged.
func (c Contact) Digest() string {
	b, err := json.Marshal([]any{c.Key, c.Type, c.Reference, c.Notes, c.Alert, c.Sensitive, c.ViSORReport})
	if err != nil {
		panic("casework: a contact cannot be encoded: " + err.Error()) // strings and flags always can
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// notesOf is English, as the case record is.
func notesOf(i Incident, n int) string {
	zone := EnglandAndWales().Zone()
	const form = "2 January 2006 at 15:04"
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Police incident %s/%s, revision %d. Type: %s (%s).", i.Force, i.Reference, i.Revision, i.Type,
		map[bool]string{true: "an arrest", false: "no arrest"}[i.Kind == KindArrest])
	line("Occurred %s, reported %s.", i.OccurredFrom.In(zone).Format(form), i.ReportedAt.In(zone).Format(form))
	var flags []string
	if i.DomesticAbuse {
		flags = append(flags, "domestic abuse")
	}
	if i.DASH != "" {
		flags = append(flags, "DASH "+string(i.DASH))
	}
	if i.ChildrenPresent {
		flags = append(flags, "children present")
	}
	for _, f := range i.Factors {
		if !OfDisclosure(f) {
			flags = append(flags, f)
		}
	}
	if len(flags) > 0 {
		line("Police say: %s.", strings.Join(flags, ", "))
	}
	for at, v := range i.Persons {
		who := "not named"
		if at+1 == n {
			who = "the person on probation"
		} else if v.Named() {
			who = strings.TrimSpace(v.Forenames + " " + v.Surname)
		}
		if v.Arrest != nil && v.Arrest.Disposal != "" {
			who += ", " + v.Arrest.Disposal
		}
		line("%s: %s.", v.Role, who)
	}
	for _, a := range i.ActionsTaken {
		if !OfDisclosure(a) {
			line("Police did: %s.", strings.TrimRight(a, ". "))
		}
	}
	if i.Summary != "" && !OfDisclosure(i.Summary) {
		line("%s", i.Summary)
	}
	return strings.TrimSpace(withhold(b.String(), i))
}

// withhold blots out of a text where it happened, where anybody lives, and who
// called: police repeat them in their own words.
func withhold(text string, i Incident) string {
	hide := []string{i.Location.Text, i.Location.Postcode, i.ReportedBy}
	for _, v := range i.Persons {
		hide = append(hide, v.Address, v.Postcode)
	}
	for _, whole := range hide {
		for _, part := range append([]string{whole}, strings.Split(whole, ",")...) {
			part = strings.TrimSpace(part)
			// The street without its number too; a word or two of it is no address.
			for _, p := range []string{part, strings.TrimLeft(part, "0123456789 ")} {
				if len(p) < 5 {
					continue
				}
				words := strings.Fields(p)
				for w := range words {
					words[w] = regexp.QuoteMeta(words[w])
				}
				text = regexp.MustCompile(`(?i)`+strings.Join(words, `[\s,]*`)).ReplaceAllString(text, "[withheld]")
			}
		}
	}
	return text
}

// Transferring is the job of bringing one match's contact in line with the match
// at the case-management system.
type Transferring struct {
	Match MatchID `json:"match" river:"unique"`
}

// Kind is the job's name in the queue.
func (Transferring) Kind() string { return "transferring" }

// TransferQueue is where transfers wait, apart from everything else: the case
// record may be away for hours.
const TransferQueue = "transfer"

// TransferState says how far a match's contact has come.
type TransferState string

const (
	TransferQueued      TransferState = "queued"      // waits, or is being tried again
	TransferSent        TransferState = "sent"        // the far end gave it a number
	TransferFailed      TransferState = "failed"      // given up: the administrators' now
	TransferByHand      TransferState = "by_hand"     // somebody put it on the case record
	TransferWithdrawing TransferState = "withdrawing" // the match ended: it has to go again
	TransferWithdrawn   TransferState = "withdrawn"
	TransferStuck       TransferState = "stuck" // the withdrawal was given up
)

// Transfer is one match's contact on its way.
type Transfer struct {
	Match   MatchID
	State   TransferState
	Key     string
	Number  string // the far end's, once it has one
	Contact Contact
	// Revision is the incident's that Contact says.
	Revision int
	// Erased says that the incident's personal data are gone: there is nothing to send.
	Erased bool
}

// HeldContact is a contact that the far end says it holds from us.
type HeldContact struct {
	Number string `json:"contact"`
	Contact
}

// TransferFindings are what reconciliation with the far end found.
type TransferFindings struct {
	// At is when the far end was asked last; zero for never.
	At        time.Time `json:"at,omitzero"`
	Held      int       `json:"held"`
	Missing   int       `json:"missing"`
	Different int       `json:"different"`
	Extra     int       `json:"extra"`
	// Failed wait for an administrator, whatever the far end holds.
	Failed int `json:"failed"`
	// States count the transfers.
	States map[TransferState]int `json:"-"`
}

// Wrong counts what does not agree.
func (f TransferFindings) Wrong() int { return f.Missing + f.Different + f.Extra }
