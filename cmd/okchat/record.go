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
		Short: "Record what the API answers, without keys and persons",
		Long: `Record a walk over a chatbot's conversations as a HAR file that can be shared, with the first of them and their messages, and
the account's chatbots. The key, cookies and the chatbots' instructions are never written, and ids and texts are replaced by pseudonyms of the same length and kind of characters, the same for the same. What okchat check finds in the real
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
	rec, err := startRecorder(ctx, std, c, "-o", flags.output, flags.salt)
	if err != nil {
		return err
	}
	var errs []error
	_, err = flags.walk(ctx, std, "okchat record", c, rec.take, func(err error) { errs = append(errs, err) })
	errs = append(errs, err, rec.finish())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(errs...)
}

// recorder writes redacted exchanges to a file. The file takes its place with the first one and is whole after each: what was
// recorded is there whatever happens then.
type recorder struct {
	std      streams
	redactor *redact.Redactor
	path     string
	file     *atomicfile.File
	har      *exchange.HARWriter
	count    report.Count
	written  int
	left     int // exchanges that could not be written
	errs     map[string]bool
}

func startRecorder(ctx context.Context, std streams, c *contract.Contract, flag, path, saltFile string) (*recorder, error) {
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
		return nil, fmt.Errorf("cannot write %s: %w: name another file with %s", path, err, flag)
	}
	r := &recorder{std: std, redactor: redactor, path: path, file: file, har: exchange.NewHARFile(file), errs: make(map[string]bool)}
	if file.Direct() { // such as a pipe, in which nothing can be written over
		r.har = exchange.NewHARWriter(file)
	}
	return r, nil
}

// take records one exchange. One that cannot be made safe, or for which the disk has no room, is left out and told at once.
func (r *recorder) take(result *contract.Result) {
	r.count.Add(result)
	safe, err := r.redactor.Exchange(result)
	if err == nil {
		err = r.har.Write(safe)
	}
	if r.written++; err == nil && r.written == 1 {
		err = r.file.Publish()
	}
	if err == nil {
		return
	}
	r.written--
	r.left++
	if text := err.Error(); !r.errs[text] {
		r.errs[text] = true
		fmt.Fprintf(r.std.err, "okchat: an exchange is left out of %s: %s\n", r.path, errorText(err, exitFailed))
	}
}

// finish ends the recording. One without exchanges leaves what was there.
func (r *recorder) finish() error {
	if r.written == 0 {
		r.file.Abort()
	} else if err := errors.Join(r.har.Close(), r.file.Commit()); err != nil {
		return fmt.Errorf("cannot write %s: %w", r.path, err)
	} else {
		fmt.Fprintf(r.std.err, "%s: %s\n", r.path, &r.count)
	}
	if r.left > 0 {
		return fmt.Errorf("%s lacks %d of %d exchanges, for the reasons above", r.path, r.left, r.left+r.written)
	}
	return nil
}

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
