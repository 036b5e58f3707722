// Command okchat-fleet reads the conversations of many chatbots, on one machine or many, into one database.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
)

// envDatabase names the variable with the database where no flag tells it: the flag shows its password to other users.
const envDatabase = "OKCHAT_FLEET_DB"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(os.Stdout, os.Stderr).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "okchat-fleet:", err)
		os.Exit(1)
	}
}

func command(out, errs io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "okchat-fleet",
		Short: "Read the conversations of many chatbots into one database",
		Long: `Read the conversations of many chatbots, on one machine or many, into one database.

Start "run" as often as you like, on as many machines, against the same PostgreSQL database: workers come and go, and what
one leaves undone another takes up. All of them together keep to one rate for each key.`,
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
	}
	root.SetOut(out)
	root.SetErr(errs)
	root.AddCommand(newRun(errs), newStatus(out))
	return root
}

func addDatabase(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "db", os.Getenv(envDatabase), "the `database`: postgres://USER@HOST/NAME or sqlite:FILE, instead of "+envDatabase)
	cmd.Flags().Lookup("db").DefValue = ""
}

type runFlags struct {
	plan

	database, chatbots, metrics string
	all                         bool
	jobs                        int
	recheck                     time.Duration
}

func newRun(errs io.Writer) *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Work until all chatbots are read, or for good with --every",
		Long: `Work until all chatbots are read, or for good with --every.

The file of --chatbots has one id a line. The key is read from ` + okchat.EnvKey + `, or from the environment variable that is
named behind the id. Without --chatbots and --all the worker takes part in what others have begun.`,
		Example: `  okchat-fleet run --chatbots ids.txt --messages --db sqlite:fleet.db
  okchat-fleet run --all --messages --rate 20 --every 1h --db postgres://okchat@db.example/okchat`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), errs, flags) },
	}
	addDatabase(cmd, &flags.database)
	cmd.Flags().StringVar(&flags.chatbots, "chatbots", "", "read the chatbots that this `file` names")
	cmd.Flags().BoolVar(&flags.all, "all", false, "read all chatbots that the account lists")
	cmd.Flags().BoolVar(&flags.messages, "messages", false, "read the messages of the conversations, too: at least a request each")
	cmd.Flags().DurationVar(&flags.every, "every", 0, "begin again after this `time`, such as 1h")
	cmd.Flags().Float64Var(&flags.rate, "rate", -1, "send at most `n` requests a second with one key, from all machines together; 0 for any number (default: as it was)")
	cmd.Flags().IntVar(&flags.jobs, "jobs", 8, "do `n` jobs at once in this worker, 1 to 64")
	cmd.Flags().IntVar(&flags.limit, "limit", 100, "ask for pages of `n` items, 0 for the server's own size")
	cmd.Flags().DurationVar(&flags.recheck, "recheck", 48*time.Hour, "read messages again until a conversation has been quiet for this `time`")
	cmd.Flags().StringVar(&flags.metrics, "metrics", "", "serve metrics for Prometheus at this `host:port`, path /metrics")
	cmd.MarkFlagsMutuallyExclusive("chatbots", "all")
	return cmd
}

func (f *runFlags) check() error {
	switch {
	case f.every < 0:
		return fmt.Errorf("--every is %v, expected more than 0", f.every)
	case f.rate != -1 && !(f.rate >= 0) || f.rate > 0 && f.rate < 1e-4 || math.IsInf(f.rate, 1):
		return fmt.Errorf("--rate is %v, expected 0.0001 or more, or 0", f.rate)
	case f.jobs < 1 || f.jobs > 64:
		return fmt.Errorf("--jobs is %d, expected 1 to 64", f.jobs)
	case f.limit < 0:
		return fmt.Errorf("--limit is %d, expected 0 or more", f.limit)
	case f.recheck < 0:
		return fmt.Errorf("--recheck is %v, expected 0 or more", f.recheck)
	}
	return nil
}

func run(ctx context.Context, errs io.Writer, flags runFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	var members []member
	var err error
	if flags.chatbots != "" {
		if members, err = readMembers(flags.chatbots); err != nil {
			return err
		}
	}
	db, err := openDatabase(ctx, flags.database, flags.jobs+4)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := db.prepare(ctx); err != nil {
		return err
	}
	f, err := newFleet(ctx, db, flags.jobs, flags.recheck, slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	if flags.all {
		if members, err = f.allMembers(ctx, flags.rate); err != nil {
			return err
		}
	}
	if len(members) > 0 {
		if err := f.enlist(ctx, members, flags.plan); err != nil {
			return fmt.Errorf("cannot queue the chatbots in %s: %w", db.where, err)
		}
	}
	if flags.metrics != "" {
		listener, err := net.Listen("tcp", flags.metrics)
		if err != nil {
			return fmt.Errorf("cannot serve metrics: %w: choose another address with --metrics", err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /metrics", db.serveMetrics)
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		defer func() { _ = server.Close() }()
		go func() { _ = server.Serve(listener) }()
	}
	if err := f.run(ctx, flags.every > 0); err != nil {
		return err
	}
	s, err := db.status(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	s.write(errs)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: start it again to go on")
	case s.Failed > 0:
		return fmt.Errorf("%d of the chatbots could not be read, or not whole: see above", s.Failed)
	case s.Done == 0:
		return errors.New("there is no chatbot to read: name some with --chatbots or --all")
	}
	return nil
}

func newStatus(out io.Writer) *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the fleet has come",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := openDatabase(cmd.Context(), name, 1)
			if err != nil {
				return err
			}
			defer func() { _ = db.Close() }()
			if there, err := db.isPrepared(cmd.Context()); err != nil || !there {
				return errors.Join(err, fmt.Errorf("%s is no database of a fleet: begin with okchat-fleet run", db.where))
			}
			s, err := db.status(cmd.Context())
			if err != nil {
				return fmt.Errorf("cannot read the status in %s: %w", db.where, err)
			}
			if asJSON {
				return s.writeJSON(out)
			}
			s.write(out)
			return nil
		},
	}
	addDatabase(cmd, &name)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
