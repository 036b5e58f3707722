package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/internal/pages"
	"github.com/okchat/okchat-go/internal/terminal"
)

type viewFlags struct {
	readingFlags

	addr string
}

func newView(std streams) *cobra.Command {
	var flags viewFlags
	cmd := &cobra.Command{
		Use:   "view FILE",
		Short: "Show an archive in a browser",
		Long: `Show an archive in a browser on this machine: its conversations with filters, a search, transcripts, statistics. Nothing can be
changed there, and nothing is loaded from elsewhere; files that were attached are shown by their addresses.

The address that is printed has a random token, without which nothing is shown: whoever has it can read the archive until the
command ends. From another machine, forward the port, such as with ssh -L.`,
		Example: `  okchat view conversations.sqlite
  okchat view conversations.sqlite --addr 127.0.0.1:9000 --tz Asia/Seoul`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageErrorf("which archive? name one: okchat view FILE")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(endingsOf("sqlite"), cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.archive = args[0]
			return view(cmd.Context(), std, flags)
		},
	}
	cmd.Flags().StringVar(&flags.addr, "addr", "127.0.0.1:0", "`host:port` of this machine to listen on; port 0 takes a free one")
	flags.addZone(cmd)
	return cmd
}

func view(ctx context.Context, std streams, flags viewFlags) error {
	zone, err := flags.location()
	if err != nil {
		return err
	}
	a, err := flags.readArchive(ctx)
	if err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return archiveError(err)
	}
	listener, err := listenHere(flags.addr)
	if err != nil {
		return err
	}
	host, token := listener.Addr().String(), rand.Text()
	server := &http.Server{Handler: pages.NewViewer(flags.archive, host, token, zone), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(std.err, "%s is at http://%s/%s/ until you press Ctrl-C\n", terminal.Line(flags.archive), host, token)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot go on serving: %w", err)
	}
	return nil // an interrupt is how this command ends
}

// listenHere listens on an address of loopback: conversations are for nobody else on the network.
func listenHere(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, usageErrorf("--addr is %s, expected host:port such as 127.0.0.1:9000", shown(addr))
	}
	if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
		return nil, usageErrorf("--addr is %s, which others can reach: name an address of this machine alone, such as 127.0.0.1:9000", shown(addr))
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w: choose another with --addr", addr, err)
	}
	return listener, nil
}
