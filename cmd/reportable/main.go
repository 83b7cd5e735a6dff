// Command reportable tells probation that someone they supervise has been
// involved in a police incident, and does not let go until a practitioner has
// decided what to do about it.
//
// The subcommands stand in the order in which the data goes. Each is a short
// file of its own; what they start is wired in the package run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // working time is London's, whatever the machine has

	"github.com/alecthomas/kong"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
)

// commands is the whole command line.
type commands struct {
	Up         upCommand         `cmd:"" help:"Run everything in this one process, on its own NATS and PostgreSQL."`
	Serve      serveCommand      `cmd:"" help:"Run some of the services, against NATS_URL and DATABASE_URL."`
	Feed       feedCommand       `cmd:"" help:"What police forces send: import, check, keys, mappings."`
	Caseload   caseloadCommand   `cmd:"" help:"The register of people on probation, as the case record has it."`
	Match      matchCommand      `cmd:"" help:"How people are found: explain a score, measure the matcher, train it."`
	Export     exportCommand     `cmd:"" help:"Write what is on the record: matches, actions or decisions."`
	Reconcile  reconcileCommand  `cmd:"" help:"Say where every accepted revision is, and what is unaccounted for."`
	Rota       rotaCommand       `cmd:"" help:"Who takes what is urgent out of hours."`
	Mailbox    mailboxCommand    `cmd:"" help:"Where people are written to: set one, see who has none."`
	Webhook    webhookCommand    `cmd:"" help:"Machines that are told of notices, by signed requests."`
	Report     reportCommand     `cmd:"" help:"What the record says, for those who inspect."`
	Policy     policyCommand     `cmd:"" help:"What a match asks of whom, and by when: check a file, show the one that ships."`
	Quarantine quarantineCommand `cmd:"" help:"What the stages set aside: list, retry, discard."`
	Simulate   simulateCommand   `cmd:"" help:"Make up a caseload and incidents, with the truth beside them."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database's tables up to date."`
	Audit      auditCommand      `cmd:"" help:"The trail of who did what."`
	Doctor     doctorCommand     `cmd:"" help:"How everything is, in words, and what to do about what is wrong."`

	run.Config
}

func main() {
	os.Exit(execute(os.Args[1:], terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// execute returns 0, 1 if the command failed, or 2 if it was used wrongly.
func execute(args []string, to terminal) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for the first

	var c commands
	parser, err := kong.New(&c,
		kong.Name("reportable"),
		kong.Description("Tells probation that someone they supervise has been involved in a police incident, and does not let go until a decision is recorded."),
		kong.Writers(to.out, to.err),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(to),
		kong.Vars{"services": strings.Join(run.Names, ", ")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err) // the struct above is wrong, whatever was typed
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		return usedWrongly(to.err, nil, err)
	}
	if err = c.ReadEnvironment(); err == nil {
		err = chosen.Run(&c.Config)
	}
	var wrong run.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		return usedWrongly(to.err, chosen, err)
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(to.err, "reportable: stopped before it was done; run it again to go on")
		return 1
	}
	fmt.Fprintf(to.err, "reportable: %v\n", err)
	return 1
}

// usedWrongly says what is wrong and where help is, as far as the command is
// known.
func usedWrongly(to io.Writer, chosen *kong.Context, err error) int {
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		chosen = parse.Context
	}
	help := "reportable"
	if chosen != nil {
		for _, p := range chosen.Path {
			if p.Command != nil {
				help += " " + p.Command.Name
			}
		}
	}
	fmt.Fprintf(to, "reportable: %v\nHow it is used: %s --help\n", err, help)
	return 2
}
