package casework

import "errors"

// The few conditions on which something can be decided, whatever part they
// came from.
var (
	// ErrUnavailable says that the ledger or the transport cannot be reached or
	// cannot write just now. The same may succeed later: 503 with Retry-After.
	ErrUnavailable = errors.New("temporarily unavailable")
	// ErrNotFound says that there is no such thing, or none that this user may
	// know of: 404 either way.
	ErrNotFound = errors.New("not found")
)

// ErrChanged says that a thing is no longer as it was when its user looked at
// it: somebody else judged it, or the facts moved. They must look again: 409.
var ErrChanged = errors.New("changed since it was shown")

// ErrOwnDecision says that somebody tried to countersign their own decision.
var ErrOwnDecision = errors.New("nobody countersigns their own decision")

// ErrUnseen says that work was to be given to somebody who may not see whom it
// is about.
var ErrUnseen = errors.New("they may not see whom it is about")
