package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/terminal"
)

// account is the source of conversations: a server and a key for it, or the recorded sample if there is no key.
type account struct {
	client  *okchat.Client
	chatbot string
	sample  *sample // nil with a key
}

type accountFlags struct {
	chatbot, keyFile string
	all              bool   // the command reads the account, not one chatbot
	archived         string // the chatbot where --chatbot names none: an archive knows its own
	noSample         string // why there has to be a key, empty where the recorded sample does
}

func (f *accountFlags) add(cmd *cobra.Command) {
	if !f.all {
		cmd.Flags().StringVar(&f.chatbot, "chatbot", "", "`id` of the chatbot, a UUID, instead of "+envChatbot)
	}
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "read the key from the first line of `file`, - for standard input, instead of "+okchat.EnvKey)
}

// keyHelp is the part about the key in the help of each command that needs one.
const keyHelp = `Without a key the conversations are the recorded sample, served from within this program: no network, no account.
The key comes from ` + okchat.EnvKey + ` or --key-file, see okchat help environment.`

// envChatbot names the variable with the id of the chatbot where no flag tells it.
const envChatbot = "OKCHAT_CHATBOT_ID"

// open makes the client. Errors name command as the way to call it.
func (f *accountFlags) open(std streams, command string, opts ...okchat.Option) (*account, error) {
	key, err := f.key(std)
	if err != nil {
		return nil, err
	}
	a := &account{chatbot: cmp.Or(f.chatbot, f.archived, os.Getenv(envChatbot))}
	switch {
	case key == "" && cmp.Or(f.chatbot, os.Getenv(envChatbot)) != "":
		return nil, usageErrorf("--chatbot needs a key: set %s or name a file with --key-file, or leave --chatbot and %s out to see the recorded sample", okchat.EnvKey, envChatbot)
	case key == "" && f.noSample != "":
		return nil, usageErrorf("%s: set %s or name a file with --key-file", f.noSample, okchat.EnvKey)
	case key == "":
		if a.sample, err = startSample(); err != nil {
			return nil, err
		}
		a.chatbot, key = a.sample.chatbotID, a.sample.key
		opts = append(opts, okchat.WithBaseURL(a.sample.url))
	case a.chatbot == "" && !f.all:
		return nil, usageErrorf("which chatbot? name it with --chatbot ID or %s, or unset %s and leave --key-file out to see the recorded sample", envChatbot, okchat.EnvKey)
	default:
		if base := os.Getenv(okchat.EnvBaseURL); base != "" {
			opts = append(opts, okchat.WithBaseURL(base))
		}
	}
	if a.client, err = okchat.New(key, opts...); err != nil {
		a.close()
		return nil, usageErrorf("%w (the key comes from %s or --key-file, the base URL from %s)", err, okchat.EnvKey, okchat.EnvBaseURL)
	}
	if a.sample != nil {
		if !f.all {
			command += " --chatbot ID"
		}
		fmt.Fprintf(std.err, "This is the vendor's recorded sample and a synthetic second page. For your own chatbot: %s=... %s\n", okchat.EnvKey, command)
	}
	return a, nil
}

func (a *account) close() {
	if a.sample != nil {
		a.sample.close()
	}
}

// key returns the key, empty if there is none.
func (f *accountFlags) key(std streams) (string, error) {
	if f.keyFile == "" {
		return os.Getenv(okchat.EnvKey), nil
	}
	from, in := "standard input", std.in
	if f.keyFile != "-" {
		from = f.keyFile
		file, err := os.Open(f.keyFile)
		if err != nil {
			return "", usageErrorf("cannot read the key: %w: name its file with --key-file", err)
		}
		defer func() { _ = file.Close() }()
		in = file
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
			fmt.Fprintf(std.err, "okchat: others can read the key in %s (mode %#o): chmod 600 it\n", terminal.Line(f.keyFile), info.Mode().Perm())
		}
	}
	if in == nil {
		in = strings.NewReader("")
	}
	line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", usageErrorf("cannot read the key from %s: %w: name its file with --key-file", from, err)
	}
	if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) == "" {
		return "", usageErrorf("--key-file: the first line of %s is empty, expected the key", from)
	}
	return line, nil
}
