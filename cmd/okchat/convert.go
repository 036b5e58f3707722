package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func newConvert(std streams) *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "convert ARCHIVE -o FILE",
		Short: "Write an archive's conversations to another file, without a request",
		Long: `Write the conversations of an SQLite archive as okchat export would have written them, in each of its formats and with its
filters, without asking the server. Those that have left the list come with --gone.

With --messages the messages are written, too, to NDJSON and CSV, as okchat export --messages does. Pages of HTML always have them:
-o names a new folder, whose index.html a browser opens without a server.`,
		Example: `  okchat convert conversations.sqlite -o conversations.xlsx --tz Asia/Seoul
  okchat convert conversations.sqlite -o pages --format html
  okchat convert conversations.sqlite -o - --since 7d | jq -r .platform
  okchat convert conversations.sqlite -o person.ndjson --user 1234567890 --gone`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageErrorf("which archive? name one: okchat convert ARCHIVE -o FILE")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(endingsOf("sqlite"), cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.archive, flags.parallel = args[0], 1
			return convert(cmd.Context(), std, flags)
		},
	}
	flags.addFilter(cmd)
	flags.addGone(cmd)
	flags.addOutput(cmd)
	cmd.Flags().BoolVar(&flags.messages, "messages", false, "with all messages of each conversation: NDJSON or CSV")
	return cmd
}

func convert(ctx context.Context, std streams, flags exportFlags) error {
	kind, err := flags.kind()
	if err != nil {
		return err
	}
	if flags.messages && (kind == "xlsx" || kind == "sqlite") {
		return usageErrorf("--messages is for NDJSON, CSV and pages, not for %s: write CSV, with --excel for Excel", kind)
	}
	if err := notRead(flags.output, flags.archive); err != nil {
		return err
	}
	opts, err := flags.selected(time.Now())
	if err != nil {
		return err
	}
	from, err := flags.open(ctx, std, "", opts, false, flags.quiet)
	if err != nil {
		return err
	}
	defer from.close()
	e := exporter{exportFlags: flags, reading: from, std: std, opts: opts, target: flags.output}
	return e.run(ctx, kind, nil)
}
