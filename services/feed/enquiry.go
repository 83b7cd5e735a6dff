package feed

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/telemetry"
)

const (
	// longestWait is how long a force may wait for an enquiry, and look how often
	// the ledger is asked meanwhile.
	longestWait = 60
	look        = time.Second
	// waitersAtOnce is how many requests of one force may wait.
	waitersAtOnce = 4
	// givenAtOnce is how many enquiries one answer has. Who has taken them is given the next.
	givenAtOnce = 100
)

// waiting counts the requests of each force that wait.
type waiting struct {
	mu sync.Mutex
	of map[string]int
}

// join lets one more wait, if there is room, and gives how to leave.
func (q *waiting) join(force string) (leave func(), ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.of == nil {
		q.of = map[string]int{}
	}
	if q.of[force] >= waitersAtOnce {
		return nil, false
	}
	q.of[force]++
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.of[force]--
	}, true
}

var badWait = &access.Refusal{Status: http.StatusBadRequest, Type: "bad-wait", UserMessage: "The wait is not a number of seconds.",
	DeveloperMessage: "Give wait as whole seconds from 0 to 60."}

// getEnquiries gives a force what it is asked, and waits for something if it is
// told to. There is no cursor: what the force does not say that it has is given
// again, so nothing that it lost on the way is lost.
func (s *Server) getEnquiries(w http.ResponseWriter, r *http.Request) {
	ctx, force := r.Context(), access.ForceOf(r.Context())
	wait := 0
	if q := r.URL.Query().Get("wait"); q != "" {
		var err error
		if wait, err = strconv.Atoi(q); err != nil || wait < 0 || wait > longestWait {
			s.refuse(w, r, badWait)
			return
		}
	}
	if wait > 0 {
		leave, ok := s.waiting.join(force)
		if !ok {
			s.tooMany(force, look).Write(w, r)
			return
		}
		defer leave()
		if !s.await(w, r, force, time.Duration(wait)*time.Second) {
			return
		}
	}
	all, err := s.Store.EnquiriesFor(ctx, force, r.URL.Query().Get("taken") == "true", givenAtOnce, telemetry.RequestID(ctx))
	if err != nil {
		s.refuse(w, r, access.Unavailable(err))
		return
	}
	if all == nil {
		all = []casework.EnquiryOut{}
	}
	writeJSON(w, http.StatusOK, map[string]any{"force": force, "enquiries": all, "complete": len(all) < givenAtOnce})
}

// await waits until a force is asked something, or the time is over. It says
// whether there is still somebody to be answered.
func (s *Server) await(w http.ResponseWriter, r *http.Request, force string, atMost time.Duration) bool {
	until := time.NewTimer(atMost)
	defer until.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		there, err := s.Store.EnquiriesWait(r.Context(), force)
		switch {
		case r.Context().Err() != nil:
			return false
		case err != nil:
			s.refuse(w, r, access.Unavailable(err))
			return false
		case there:
			return true
		}
		select {
		case <-until.C:
			return true
		case <-tick.C:
		case <-r.Context().Done():
			return false
		}
	}
}

// takeEnquiry notes that the force has an enquiry in its own hands.
func (s *Server) takeEnquiry(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !idForm.MatchString(id) {
		notFound.Write(w, r)
		return
	}
	err := s.Store.TakeEnquiry(r.Context(), access.ForceOf(r.Context()), id, telemetry.RequestID(r.Context()))
	if err != nil {
		s.missing(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"id": id, "status": "taken"})
}
