package run

import (
	"os"
	"strconv"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Keeping is how long what is asked of whom: the same for every process of an
// installation. Zero values are the defaults.
type Keeping struct {
	Retention casework.Retention
	// AfterSupervision is how many working days after the end of supervision an
	// incident may occur and still match.
	AfterSupervision int
	// Events is for how many days an event is kept after it was published.
	Events int
	// Sight is for how many days somebody sees a case whose action they had by
	// cover or reassignment, after it is done.
	Sight int
}

// eventsFor is longer than any stream keeps what it was told.
const eventsFor = 35

// readEnvironment reads the settings. What incidents that match nobody are held
// for may be set between what makes matching complete and what was promised as
// the most.
func (k *Keeping) readEnvironment() error {
	const (
		leastHold, mostHold = 3, 10
		year                = 365
	)
	var judged, matched int
	for _, s := range []struct {
		name        string
		least, most int
		into        *int
		what        string
	}{
		{"AFTER_SUPERVISION_DAYS", 1, 60, &k.AfterSupervision, "working days"},
		{"EVENTS_KEPT_DAYS", 1, 10 * year, &k.Events, "days"},
		{"SIGHT_DAYS", 1, 10 * year, &k.Sight, "days"},
		{"HOLD_EXTRACT_DAYS", leastHold, mostHold, &k.Retention.Extract, "working days"},
		{"HOLD_DAYS", leastHold, mostHold, &k.Retention.Hold, "working days"},
		{"RETENTION_DISMISSED_DAYS", 30, 30 * year, &judged, "days"},
		{"RETENTION_MATCHED_DAYS", 30, 100 * year, &matched, "days"},
	} {
		given := os.Getenv(s.name)
		if given == "" {
			continue
		}
		n, err := strconv.Atoi(given)
		if err != nil || n < s.least || n > s.most {
			return Usage("%s is %q; it is a number of %s from %d to %d", s.name, given, s.what, s.least, s.most)
		}
		*s.into = n
	}
	k.Retention.Judged, k.Retention.Matched = time.Duration(judged)*24*time.Hour, time.Duration(matched)*24*time.Hour
	if r := k.Retention.WithDefaults(); r.Extract > r.Hold {
		return Usage("HOLD_EXTRACT_DAYS is %d and HOLD_DAYS %d: nothing can wait for an extract longer than it is held", r.Extract, r.Hold)
	} else if r.Judged > r.Matched {
		return Usage("RETENTION_DISMISSED_DAYS is longer than RETENTION_MATCHED_DAYS: what concerned nobody is not kept longer than what did")
	}
	return nil
}
