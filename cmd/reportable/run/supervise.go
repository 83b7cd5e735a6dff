package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Service is something that runs until its context ends.
type Service struct {
	Name string
	Run  func(context.Context) error
}

// Supervise runs services until the context ends or one of them fails, then
// stops them one after the other, the last first: what takes work in comes
// last in the list, and what the others lean on comes first.
func Supervise(ctx context.Context, log *slog.Logger, services ...Service) error {
	type ending struct {
		who int
		err error
	}
	ended := make(chan ending, len(services))
	stops := make([]context.CancelFunc, len(services))
	done := make([]chan struct{}, len(services))
	for i, s := range services {
		var own context.Context
		own, stops[i] = context.WithCancel(context.WithoutCancel(ctx))
		done[i] = make(chan struct{})
		go func() {
			defer close(done[i])
			ended <- ending{i, s.Run(own)}
		}()
	}
	var failure error
	select {
	case <-ctx.Done():
	case e := <-ended:
		name := services[e.who].Name
		if e.err == nil {
			e.err = errors.New("ended by itself")
		}
		failure = fmt.Errorf("%s: %w", name, e.err)
		log.Error("a service failed; stopping the others", "service", name, "error", e.err)
	}
	for i := len(services) - 1; i >= 0; i-- {
		stops[i]()
		<-done[i]
		log.Debug("stopped", "service", services[i].Name)
	}
	close(ended)
	for e := range ended { // what went wrong while stopping
		if e.err != nil && !errors.Is(e.err, context.Canceled) {
			failure = errors.Join(failure, fmt.Errorf("%s: %w", services[e.who].Name, e.err))
		}
	}
	return failure
}
