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
