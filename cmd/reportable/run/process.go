package run

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/notifier"
)

// Names are the services, in the order in which an incident goes.
var Names = []string{"feed", "caseload", "matcher", "notifier", "desk"}

// Options are what a process may be told beside its services.
type Options struct {
	Addresses
	Demo      bool `help:"Let people sign in as personas, without a password. Never where data are real."`
	PlainHTTP bool `name:"plain-http" env:"DESK_PLAIN_HTTP" help:"Let the desk be used without HTTPS, on one machine."`
	// Proxies are those before the desk.
	Proxies []netip.Prefix `name:"desk-proxies" env:"DESK_PROXIES" sep:"," placeholder:"NETWORK" help:"The networks of the proxies before the desk, such as 10.1.0.0/16: what they say of where somebody is counts for the limits on signing in."`
	FeedTLS
	// DropFolder is where forces' files are dropped, a folder for each by its code.
	DropFolder string `placeholder:"DIR" env:"FEED_DROP_FOLDER" help:"Take the files that are dropped into DIR/CODE, CODE being a force's."`
	DropGroup  bool   `env:"FEED_DROP_GROUP" help:"Let the group of a force's folder read what is laid down in it. Default: the service's own account alone."`
	Policy     string `placeholder:"FILE" env:"POLICY_FILE" help:"The policy: what a match asks of whom, and by when. Default: the one that ships."`
	// Delivery is how people are told outside the desk.
	Delivery Delivery `kong:"-"`
	// Transfer is the case-management system that takes contacts.
	Transfer Transfer `kong:"-"`
	// SignIn is the identity provider of the desk's people.
	SignIn SignIn `kong:"-"`
	// Keeping is how long incidents are held and kept.
	Keeping Keeping `kong:"-"`
}

// Process is some of the services, or all, ready to run in this process.
type Process struct {
	// Desk, Feed and Operations are the URLs to reach them by; empty where the
	// process does not listen.
	Desk, Feed, Operations string

	platform *Platform
	services []Service
}

// Listeners are the places where a process listens.
type Listeners struct{ desk, feed, operations net.Listener }

// Listen takes the addresses that the named services need.
func Listen(a Addresses, names []string) (*Listeners, error) {
	l := &Listeners{}
	for _, at := range []struct {
		listener *net.Listener
		address  string
		flag     string
		needed   bool
	}{
		{&l.desk, a.DeskAddress, "desk-address", slices.Contains(names, "desk")},
		{&l.feed, a.FeedAddress, "feed-address", slices.Contains(names, "feed") || slices.Contains(names, "caseload")},
		{&l.operations, a.OperationsAddress, "operations-address", true},
	} {
		if !at.needed {
			continue
		}
		var err error
		if *at.listener, err = listen(at.address, at.flag); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// Close gives the addresses back.
func (l *Listeners) Close() {
	for _, one := range []net.Listener{l.desk, l.feed, l.operations} {
		if one != nil {
			one.Close()
		}
	}
}

// NewProcess wires the named services.
func (p *Platform) NewProcess(names []string, l *Listeners, o Options) (*Process, error) {
	process := &Process{platform: p, services: p.foundation(o.Keeping)}
	policy, err := notifier.ReadPolicyFile(o.Policy)
	if err != nil {
		return nil, err
	}
	p.DB.WorkBy(policy.Hours) // whoever records a milestone, by the hours of its PDU
	has := func(name string) bool { return slices.Contains(names, name) }
	// They stop in the reverse order: who takes work in comes last.
	if has("notifier") {
		chaser, err := p.notifier(o.Policy)
		if err != nil {
			return nil, err
		}
		process.add(chaser)
		outward, err := p.outward(o)
		if err != nil {
			return nil, err
		}
		process.add(outward...)
	}
	if has("matcher") {
		process.add(p.matcher(o.Keeping)...)
	}
	if has("desk") {
		if o.Demo {
			process.add(p.personas())
		}
		routes, err := p.desk(o)
		if err != nil {
			return nil, err
		}
		process.Desk = process.serve("desk", l.desk, routes)
	}
	police := http.NewServeMux() // what forces send, and whom they are told of, share an address and a door
	door := access.ForceDoor{Keys: access.Remember(p.DB, time.Second), Wrong: &access.WrongKeys{}, Certificates: o.Clients, Log: p.Log}
	if has("caseload") {
		routes, lists := p.caseload(door)
		process.add(lists)
		police.Handle("/v1/caseload", routes)
		police.Handle("/v1/caseload/", routes)
	}
	if has("feed") {
		routes, services := p.feed(o, door)
		process.add(services...)
		police.Handle("/", routes)
	}
	if l.feed != nil {
		secured, err := o.FeedTLS.listener(l.feed)
		if err != nil {
			return nil, err
		}
		process.Feed = process.serve("feed", secured, police)
		if secured != l.feed {
			process.Feed = strings.Replace(process.Feed, "http:", "https:", 1)
		}
	}
	process.Operations = process.serve("operations", l.operations, p.operations())
	return process, nil
}

// Run runs the services until the context ends.
func (p *Process) Run(ctx context.Context) error {
	return Supervise(ctx, p.platform.Log, p.services...)
}

// add puts a service to the others.
func (p *Process) add(s ...Service) { p.services = append(p.services, s...) }

// serve puts an HTTP server to the others and gives its URL.
func (p *Process) serve(name string, l net.Listener, routes http.Handler) string {
	p.add(server(name, l, routes, p.platform.Log))
	return urlOf(l)
}
