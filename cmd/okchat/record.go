package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/contract/report"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/internal/atomicfile"
)

type recordFlags struct {
	walkFlags
	output, salt string
}

func newRecord(std streams) *cobra.Command {
	var flags recordFlags
	cmd := &cobra.Command{
		Use:   "record -o FILE.har",
		Short: "Record a chatbot's pages, without keys and persons",
		Long: `Record a walk over a chatbot's pages as a HAR file that can be shared: the key and cookies are never written, and ids
and texts are replaced by pseudonyms of the same length and kind of characters, the same for the same. What okchat check finds in the real
exchanges it finds in the recording, too, but for leaks.

The pseudonyms depend on a salt. Who knows it can tell whether a guessed id is behind a pseudonym, so keep it to
yourself. With the same --salt-file two recordings can be compared; without one the salt is thrown away.

` + keyHelp + `
`,
		Example: `  okchat record -o sample.har
  OKCHAT_API_KEY=... okchat record --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --pages 3 --salt-file salt -o pages.har`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return record(cmd.Context(), std, &flags) },
	}
	flags.walkFlags.add(cmd)
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "write the recording to `file`")
	addSaltFlag(cmd, &flags.salt)
	_ = cmd.MarkFlagFilename("output", "har")
	return cmd
}

func addSaltFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "salt-file", "", "take the salt of the pseudonyms from `file`, which is made where there is none")
}

func record(ctx context.Context, std streams, flags *recordFlags) error {
	if flags.output == "" {
		return usageErrorf("where to? name a file with -o FILE.har")
	}
	c, err := contract.New()
	if err != nil {
		return err
	}
	rec, err := startRecorder(ctx, std, c, flags.output, flags.salt)
	if err != nil {
		return err
	}
	defer rec.abort()
	walkErr := flags.walk(ctx, std, "okchat record", c, rec.take)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if rec.count.Checked+rec.count.NotChecked == 0 {
		return walkErr
	}
	if err := rec.finish(std); err != nil {
		return err
	}
	return walkErr
}

// recorder writes redacted exchanges to a file that takes its place at the end.
type recorder struct {
	contract *contract.Contract
	redactor *redact.Redactor
	walk     *contract.Walk
	file     *atomicfile.File
	path     string
	har      *exchange.HARWriter
	count    report.Count
	err      error
}

func startRecorder(ctx context.Context, std streams, c *contract.Contract, path, saltFile string) (*recorder, error) {
	salt, err := readSalt(std, saltFile)
	if err != nil {
		return nil, err
	}
	redactor, err := redact.New(c, salt)
	if err != nil {
		return nil, usageErrorf("--salt-file %s: %w", saltFile, err)
	}
	file, err := newFile(ctx, std, path, false)
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w: name another file with -o", path, err)
	}
	return &recorder{contract: c, redactor: redactor, walk: c.NewWalk(), file: file, path: path, har: exchange.NewHARWriter(file)}, nil
}

// take writes one exchange. What is written is looked through once more: a leak is a fault of this program, and nothing is
// kept then.
func (r *recorder) take(ex *exchange.Exchange) {
	result := r.walk.Check(ex)
	r.count.Add(result)
	safe := r.redactor.Exchange(result)
	if leaks := redact.Leaks(r.contract.Check(safe)); len(leaks) > 0 && r.err == nil {
		r.err = fmt.Errorf("the recording would hold what must not be shared (%s), so it was not written: report this", leaks[0].Code)
	}
	if r.err == nil {
		r.err = r.har.Write(safe)
	}
}

func (r *recorder) finish(std streams) error {
	if r.err == nil {
		r.err = r.har.Close()
	}
	if r.err == nil {
		r.err = r.file.Commit()
	}
	if r.err != nil {
		return fmt.Errorf("cannot write %s: %w", r.path, r.err)
	}
	fmt.Fprintf(std.err, "%s: %s\n", r.path, &r.count)
	return nil
}

func (r *recorder) abort() { r.file.Abort() }

// readSalt returns the salt of a file, which it makes where there is none, or a random one that nobody keeps.
func readSalt(std streams, path string) ([]byte, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh)
	if path == "" {
		return fresh, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		file, err := os.Open(path)
		if err != nil {
			return nil, usageErrorf("cannot read the salt: %w: name its file with --salt-file", err)
		}
		defer func() { _ = file.Close() }()
		return io.ReadAll(io.LimitReader(file, 1<<20))
	}
	if err != nil {
		return nil, usageErrorf("cannot make a salt: %w: name another file with --salt-file", err)
	}
	_, err = file.Write(fresh)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("cannot write the salt: %w: name another file with --salt-file", err)
	}
	fmt.Fprintf(std.err, "%s is new: keep it, and keep it to yourself\n", path)
	return fresh, nil
}
