package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// Addresses are where this process listens. A bare number is a port on
// loopback; 0 is any that is free.
type Addresses struct {
	DeskAddress       string `default:"127.0.0.1:8080" placeholder:"ADDRESS" env:"DESK_ADDRESS" help:"Where people work. Default: ${default}."`
	FeedAddress       string `default:"127.0.0.1:8081" placeholder:"ADDRESS" env:"FEED_ADDRESS" help:"Where forces send, and read who is under supervision. Default: ${default}."`
	OperationsAddress string `default:"127.0.0.1:8082" placeholder:"ADDRESS" env:"OPERATIONS_ADDRESS" help:"Metrics and health. Default: ${default}."`
}

// listen takes the address before anything slow begins, so that one which is
// taken is told at once, with the flag that moves it.
func listen(address, flag string) (net.Listener, error) {
	if !strings.Contains(address, ":") {
		address = net.JoinHostPort("127.0.0.1", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: choose another with --%s, such as --%s 127.0.0.1:0, or with %s", err, flag, flag,
			strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
	}
	return l, nil
}

// urlOf is how a browser on this machine reaches the listener.
func urlOf(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "http://" + l.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// bodyWithin is how long a body may take to begin and, where no service goes on
// reading as long as it moves, to end.
const bodyWithin = 30 * time.Second

// answerWithin is how long an answer may take with its reading, but for what a
// service streams: to compute a long trail's chain anew takes minutes. A force's
// answer may be long, and ends when they like.
const answerWithin = 10 * time.Minute

// hurry ends bodies that do not come: also of requests that were refused, for
// the server waits for the rest of those before it goes on.
func hurry(next http.Handler, within time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			control := http.NewResponseController(w)
			_ = control.SetReadDeadline(time.Now().Add(within)) // a writer without deadlines has no slow senders either
			r.Body = hurried{r.Body, control}
		}
		next.ServeHTTP(w, r)
	})
}

// hurried is such a body. When it is over nothing hurries the answer; where it
// broke off the deadline stays, for the server still waits for the rest.
type hurried struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b hurried) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// stopWithin is how long requests in hand may take when a server stops.
const stopWithin = 5 * time.Second

// server serves on the listener until its context ends.
func server(name string, l net.Listener, routes http.Handler, log *slog.Logger) Service {
	return Service{Name: name, Run: func(ctx context.Context) error {
		// Ended when stopping begins, so that streams of events end too.
		requests, end := context.WithCancel(context.WithoutCancel(ctx))
		defer end()
		s := &http.Server{
			Handler:           hurry(routes, bodyWithin),
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			BaseContext:       func(net.Listener) context.Context { return requests },
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients break
		}
		if name != "feed" {
			s.WriteTimeout = answerWithin
		}
		failed := make(chan error, 1)
		go func() { failed <- s.Serve(l) }()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		time.AfterFunc(time.Second, end)
		if err := s.Shutdown(within); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return s.Close()
	}}
}
