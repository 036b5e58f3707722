package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/exchange"
)

type redactFlags struct {
	contractFlags
	recordingFlags
	output, salt string
}

func newRedact(std streams) *cobra.Command {
	var flags redactFlags
	cmd := &cobra.Command{
		Use:   "redact FILE...",
		Short: "Make recordings safe to share",
		Long: `Write a copy of each recording that can be shared, FILE.redacted.har beside FILE.har, as okchat record would have recorded it:
keys and cookies are left out, and ids and texts are replaced by pseudonyms of the same length and kind of characters, the
same for the same. What okchat check finds in the original it finds in the copy, too, but for leaks.

Only calls of the API are copied. What cannot be made safe is left out and told.

The pseudonyms depend on a salt. Who knows it can tell whether a guessed id is behind a pseudonym, so keep it to
yourself. With the same --salt-file two copies can be compared; without one the salt is thrown away.
` + checkExitHelp,
		Example: `  okchat redact support.har
  okchat redact -o shared.har --salt-file salt monday.har tuesday.har`,
		RunE: func(cmd *cobra.Command, args []string) error { return redactFiles(cmd.Context(), std, &flags, args) },
	}
	flags.contractFlags.add(cmd)
	flags.recordingFlags.add(cmd)
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "write one copy of all recordings to `file`")
	addSaltFlag(cmd, &flags.salt)
	_ = cmd.MarkFlagFilename("output", "har")
	return cmd
}

func redactFiles(ctx context.Context, std streams, flags *redactFlags, paths []string) error {
	if len(paths) == 0 {
		return usageErrorf("what is to be made safe? name recordings")
	}
	c, err := flags.load(std)
	if err != nil {
		return err
	}
	if c, err = flags.below(c); err != nil {
		return err
	}
	list, err := exchange.FindRecordings(paths...)
	if err != nil {
		return uncheckedError{err}
	}
	for i := range list {
		list[i].MaxBody = flags.maxBody
	}
	copies := map[string][]exchange.Recording{flags.output: list}
	order := []string{flags.output}
	if flags.output == "" {
		copies, order = make(map[string][]exchange.Recording), nil
		for _, recording := range list {
			name := redactedName(recording.Name)
			if copies[name] == nil {
				order = append(order, name)
			}
			copies[name] = append(copies[name], recording)
		}
	}
	for _, output := range order {
		for _, recording := range list {
			if err := notRead(output, recording.Name); err != nil {
				return err
			}
		}
	}
	var failed error
	for _, output := range order {
		failed = errors.Join(failed, redactInto(ctx, std, c, flags, copies[output], output))
	}
	if failed != nil && ctx.Err() == nil {
		return uncheckedError{failed}
	}
	return errors.Join(failed, ctx.Err())
}

// redactedName returns the name of a recording's copy.
func redactedName(name string) string {
	stem, _ := exchange.Stem(name)
	return stem + ".redacted.har"
}

// redactInto copies recordings into one.
func redactInto(ctx context.Context, std streams, c *contract.Contract, flags *redactFlags, list []exchange.Recording, output string) error {
	rec, err := startRecorder(ctx, std, c, "-o", output, flags.salt)
	if err != nil {
		return err
	}
	walk := c.NewWalk()
	type checked struct {
		result *contract.Result
		err    error
	}
	var failed error
	for out := range exchange.Each(ctx, list, func(p *exchange.Part) (checked checked) {
		if p.IsEntry() {
			checked.result, checked.err = recordings.Entry(c, p)
		}
		return checked
	}) {
		switch result := out.Value.result; {
		case out.Err != nil:
			failed = errors.Join(failed, out.Err)
		case result == nil: // the end of a recording, or what stands beside its entries
		case out.Value.err != nil:
			failed = errors.Join(failed, out.Value.err)
		case result.Outcome == contract.Elsewhere:
			rec.count.Add(result)
		default:
			walk.Add(result)
			rec.take(result)
		}
	}
	if err := rec.finish(); err != nil {
		failed = errors.Join(failed, err)
	}
	if rec.written == 0 && failed == nil && ctx.Err() == nil {
		failed = fmt.Errorf("%s: expected a call of the API, got none: nothing was written", output)
	}
	return failed
}
