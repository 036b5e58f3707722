// Command okchat lists, exports, counts and checks a chatbot's conversations from the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // for machines that have no time zones, such as containers and Windows

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/atomicfile"
	"github.com/okchat/okchat-go/internal/terminal"
)

// The exit codes, which exitCodeHelp describes.
const (
	exitOK           = 0
	exitFailed       = 1
	exitUsage        = 2
	exitUnauthorized = 3
	exitNotFound     = 4
	exitRateLimited  = 5
	exitContract     = 6
	exitInterrupted  = 130
)

const exitCodeHelp = `
Exit codes:
  0    fine
  1    failed
  2    wrong use
  3    the key was refused
  4    not found
  5    rate limited
  6    an answer broke the contract
  130  interrupted
`

const environmentHelp = `
Environment:
  OKCHAT_API_KEY          the key, unless --key-file names a file with it
  OKCHAT_BASE_URL         another server than the vendor's: an https URL, or an http URL of this machine
  OKCHAT_CHATBOT_ID       the chatbot, unless --chatbot names one
  HTTPS_PROXY, NO_PROXY   the proxy for https, and for which hosts there is none
  NO_COLOR                if it is set, no colours
  GOGC, GOMEMLIMIT        how Go manages memory, for commands that choose themselves what suits them
`

// streams holds the standard streams of a command, so that tests can stand in for a terminal.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// width is that of the terminal in columns, 0 if out is not one. errWidth is the same for err, where progress is shown.
	width    int
	errWidth int
}

// colour reports whether to write in colour: to a terminal whose owner has not switched it off (no-color.org).
func (s streams) colour() bool { return s.width > 0 && os.Getenv("NO_COLOR") == "" }

func main() {
	// A reader that goes away becomes an error of the write instead of a signal.
	signal.Ignore(syscall.SIGPIPE)
	// net/http logs what a server sends unasked, which may be an echo of the key.
	log.SetOutput(io.Discard)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as it is under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second one ends the program wherever it is
	std := streams{in: os.Stdin, out: atomicfile.NewWriter(ctx, os.Stdout), err: os.Stderr}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		std.width = width
	}
	if width, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
		std.errWidth = width
	}
	code := run(ctx, os.Args[1:], std)
	stop()
	os.Exit(code)
}

// collectLess lets the garbage collector run less often, unless GOGC is set, and returns what undoes it. It is for commands that
// leave much behind for each page and keep little, where the collector would run a hundred times a second.
func collectLess() (undo func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(before) }
}

// outputError is the error of a write to standard output.
type outputError struct{ error }

func (e outputError) Unwrap() error { return e.error }

// output marks the errors of standard output. Only there does a broken pipe mean that whoever reads has seen enough.
type output struct{ io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = outputError{err}
	}
	return n, err
}

func isClosedPipe(err error) bool {
	_, ok := errors.AsType[outputError](err)
	return ok && errors.Is(err, syscall.EPIPE)
}

func run(ctx context.Context, args []string, std streams) int {
	std.out = output{std.out}
	root := newRoot(std)
	root.SetArgs(args)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	if err != nil && code != exitOK && !errors.Is(err, errFindings) {
		fmt.Fprintf(std.err, "okchat: %s\n", errorText(err, code))
	}
	return code
}

func newRoot(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "okchat",
		Short:         "Archive, search, count and check the conversations of an OKChat chatbot",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(flagError)
	plainHelp := root.HelpTemplate()
	root.SetHelpTemplate(plainHelp + "{{if not .HasParent}}" + environmentHelp + "{{end}}" + exitCodeHelp)
	root.Version = versionText()
	root.SetVersionTemplate("{{.Version}}\n")
	const desk, checks = "desk", "checks"
	root.AddGroup(&cobra.Group{ID: desk, Title: "Conversations:"}, &cobra.Group{ID: checks, Title: "The contract and its checks:"})
	for _, cmd := range []*cobra.Command{newChatbots(std), newList(std), newShow(std), newExport(std), newConvert(std), newView(std), newSearch(std), newForget(std), newStats(std)} {
		cmd.GroupID = desk
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{newRecord(std), newServe(std), newSpec(std)} {
		cmd.GroupID = checks
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{newCheck(std), newConform(std), newCoverage(std), newProxy(std), newRedact(std)} {
		cmd.GroupID = checks
		cmd.SetHelpTemplate(plainHelp) // the commands that check have codes of their own
		root.AddCommand(cmd)
	}
	root.AddCommand(newVersion(std))
	for _, topic := range []*cobra.Command{
		{Use: "environment", Short: "The environment variables", Long: environmentHelp},
		{Use: "exit-codes", Short: "The exit codes", Long: exitCodeHelp + "\ncheck, conform, coverage, proxy and redact:" + checkExitHelp},
	} {
		topic.SetHelpTemplate("{{.Long | trim}}\n")
		root.AddCommand(topic)
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = knownTopic
		case "completion":
			cmd.Args, cmd.RunE = knownCommand, root.RunE
			for _, shell := range cmd.Commands() {
				shell.Args = noArgs
			}
		}
	}
	return root
}

// usageError is an error of the command line: flags, arguments, environment.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usageErrorf(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	name := strings.TrimPrefix(cmd.CommandPath()+" "+args[0], "okchat ")
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usageErrorf("there is no command %q: did you mean %s?", name, strings.Join(near, " or "))
	}
	return usageErrorf("there is no command %q: see %s --help", name, cmd.CommandPath())
}

// knownTopic is knownCommand for the arguments of the help command.
func knownTopic(cmd *cobra.Command, args []string) error {
	cmd, rest, err := cmd.Root().Find(args)
	if err != nil {
		return usageError{err}
	}
	return knownCommand(cmd, rest)
}

// flagError adds to the error of an unknown flag which flag, or else which command, has a similar name.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		flags := &cobra.Command{SuggestionsMinimumDistance: 2} // finds what is near as for commands
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		})
		name := unknown.GetSpecifiedName()
		if near := flags.SuggestionsFor(name); len(near) > 0 && len(name) > 1 {
			return usageErrorf("%w: did you mean --%s?", err, strings.Join(near, " or --"))
		}
		if near := cmd.SuggestionsFor(name); len(near) > 0 && len(name) > 1 {
			return usageErrorf("%w: did you mean %s %s?", err, cmd.CommandPath(), near[0])
		}
	}
	return usageErrorf("%w: see %s --help", err, cmd.CommandPath())
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageErrorf("%s takes no argument, got %q: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// errorText returns err on one line, with the flag or variable that helps.
func errorText(err error, code int) string {
	text := strings.TrimPrefix(terminal.Line(err.Error()), "okchat: ")
	switch {
	case code == exitUnauthorized:
		text += " (the key comes from " + okchat.EnvKey + " or --key-file)"
	case errors.Is(err, okchat.ErrNotFound), errors.Is(err, okchat.ErrArgument):
		text += " (the id of the chatbot comes from --chatbot or " + envChatbot + ")"
	case code == exitInterrupted:
		text = "interrupted"
	}
	return text
}

func exitCode(ctx context.Context, err error) int {
	var (
		usage    usageError
		unsure   uncheckedError
		contract *okchat.ContractError
	)
	switch {
	case err == nil, isClosedPipe(err):
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &unsure), errors.Is(err, okchat.ErrArgument):
		return exitUsage
	case errors.Is(err, okchat.ErrUnauthorized):
		return exitUnauthorized
	case errors.Is(err, okchat.ErrNotFound), errors.Is(err, sqlite.ErrNoConversation):
		return exitNotFound
	case errors.Is(err, okchat.ErrRateLimited):
		return exitRateLimited
	case errors.As(err, &contract), errors.Is(err, errBroken):
		return exitContract
	default:
		return exitFailed
	}
}
