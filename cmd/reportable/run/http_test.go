package run

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAnAddressMayBeABarePort(t *testing.T) {
	l, err := listen("0", "desk-address")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if url := urlOf(l); !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("got %s, want loopback", url)
	}
	_, err = listen(l.Addr().String(), "desk-address")
	if err == nil || !strings.Contains(err.Error(), "--desk-address") {
		t.Errorf("got %v, want the flag that moves a taken address", err)
	}
}

func TestAnAddressOnEveryInterfaceIsShownAsOneThatABrowserReaches(t *testing.T) {
	l, err := listen(":0", "desk-address")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if url := urlOf(l); !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("got %s, want one that a browser reaches", url)
	}
}

func TestNothingListensWhereNoServiceNeedsIt(t *testing.T) {
	at := Addresses{DeskAddress: "0", FeedAddress: "0", OperationsAddress: "0"}
	for _, c := range []struct {
		names      []string
		desk, feed bool
	}{
		{[]string{"matcher", "notifier"}, false, false},
		{[]string{"caseload"}, false, true},
		{[]string{"feed", "desk"}, true, true},
	} {
		l, err := Listen(at, c.names)
		if err != nil {
			t.Fatal(err)
		}
		if (l.desk != nil) != c.desk || (l.feed != nil) != c.feed || l.operations == nil {
			t.Errorf("%v: got desk %v, feed %v, operations %v", c.names, l.desk != nil, l.feed != nil, l.operations != nil)
		}
		l.Close()
	}
}

func TestAServerFinishesAnAnswerAndEndsAStreamWhenItStops(t *testing.T) {
	l, err := listen("0", "desk-address")
	if err != nil {
		t.Fatal(err)
	}
	begun, release := make(chan string, 2), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/answer", func(w http.ResponseWriter, _ *http.Request) {
		begun <- "answer"
		<-release
		io.WriteString(w, "whole")
	})
	mux.HandleFunc("/stream", func(_ http.ResponseWriter, r *http.Request) {
		begun <- "stream"
		<-r.Context().Done() // as a page that is told of events does
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := server("desk", l, mux, quiet)
	go func() { ended <- s.Run(ctx) }()

	answers := make(chan string, 2)
	for _, path := range []string{"/answer", "/stream"} {
		go func() {
			answer, err := http.Get(urlOf(l) + path)
			if err != nil {
				answers <- path + " broke"
				return
			}
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			answers <- path + " " + string(body)
		}()
	}
	<-begun
	<-begun
	stop()
	close(release)
	got := []string{<-answers, <-answers}
	if !strings.Contains(strings.Join(got, ","), "/answer whole") {
		t.Errorf("got %q, want the answer whole", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the server does not stop")
	}
}
