package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/terminal"
)

func newChatbots(std streams) *cobra.Command {
	flags, asJSON := accountFlags{all: true}, false
	cmd := &cobra.Command{
		Use:   "chatbots",
		Short: "List the ids and names of the account's chatbots",
		Long: `List the ids and names of the account's chatbots.

The list need not be the whole account: the key may read chatbots that the server does not list. Piped, it is tab-separated text.

` + keyHelp,
		Example: `  okchat chatbots
  ` + okchat.EnvKey + `=... okchat chatbots --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return chatbots(cmd.Context(), std, flags, asJSON) },
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the chatbots as one JSON array")
	return cmd
}

func chatbots(ctx context.Context, std streams, flags accountFlags, asJSON bool) error {
	from, err := flags.open(std, "okchat chatbots")
	if err != nil {
		return err
	}
	defer from.close()
	bots, err := from.client.Chatbots(ctx, okchat.CallOptions{})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(terminal.Guard(std.out, asJSON && std.width > 0))
	if asJSON {
		err = writeJSON(out, bots)
	} else if len(bots) > 0 {
		row := func(id, name string) {
			if name = terminal.Line(name); std.width > 0 {
				fmt.Fprintf(out, "%-36s  %s\n", id, runewidth.Truncate(name, max(std.width-len("  ")-36, 1), "…"))
			} else {
				fmt.Fprintf(out, "%s\t%s\n", id, name)
			}
		}
		row("ID", "NAME")
		for _, bot := range bots {
			row(bot.ID.String(), bot.Name)
		}
	}
	if err = cmp.Or(err, out.Flush()); err != nil {
		return fmt.Errorf("cannot write the chatbots: %w", err)
	}
	fmt.Fprintf(std.err, "%s; the list need not be the whole account\n", number(len(bots), "chatbot"))
	return nil
}
