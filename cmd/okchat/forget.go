package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/terminal"
)

func newForget(std streams) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "forget --user ID FILE",
		Short: "Remove an end user from an archive for good",
		Long: `Remove an end user's conversations from an SQLite archive for good, with their messages, their history and what the index for
searches has of them. The file is written anew and then holds nothing of them.

It does not change the server: what that still lists comes back with the next okchat export --update. Copies of the file and
exports from it are as they were.`,
		Example: `  okchat search --user 1234567890 --archive conversations.sqlite -o person.ndjson
  okchat forget --user 1234567890 conversations.sqlite`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usageErrorf("which archive? name one: okchat forget --user ID FILE")
			case user == "":
				return usageErrorf("who is to be forgotten? name the sns_user_id or user_id with --user ID")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(endingsOf("sqlite"), cobra.ShellCompDirectiveFilterFileExt),
		RunE:              func(cmd *cobra.Command, args []string) error { return forget(cmd.Context(), std, user, args[0]) },
	}
	cmd.Flags().StringVar(&user, "user", "", "the end user's `id`, an sns_user_id or user_id")
	return cmd
}

func forget(ctx context.Context, std streams, user, path string) error {
	gone, err := sqlite.Forget(ctx, path, user)
	if gone != (sqlite.Forgotten{}) {
		fmt.Fprintf(std.err, "removed from %s: %s, %s, %s\n", terminal.Line(path),
			number(gone.Conversations, "conversation"), number(gone.Messages, "message"), number(gone.Changes, "earlier value"))
	}
	if err != nil {
		if said := archiveError(err); exitCode(ctx, said) == exitUsage {
			return said
		}
		return fmt.Errorf("cannot remove the end user: %w", err)
	}
	if gone.Conversations == 0 {
		return fmt.Errorf("%w of the end user %s in %s: okchat list --archive prints ids", sqlite.ErrNoConversation, shown(user), path)
	}
	return nil
}
