package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/atomicfile"
	"github.com/okchat/okchat-go/internal/terminal"
)

// formats lists the formats of files, each with the endings of names that stand for it.
var formats = []struct {
	name    string
	endings []string
}{
	{"ndjson", []string{"ndjson", "jsonl"}},
	{"csv", []string{"csv"}},
	{"xlsx", []string{"xlsx"}},
	{"sqlite", []string{"sqlite", "sqlite3", "db"}},
	{"html", nil}, // a folder
}

// endingsOf returns the endings of names that stand for the format.
func endingsOf(format string) []string {
	for _, f := range formats {
		if f.name == format {
			return f.endings
		}
	}
	return nil
}

func formatNames() (names, endings []string) {
	for _, format := range formats {
		names, endings = append(names, format.name), append(endings, format.endings...)
	}
	return names, endings
}

// kind returns the format: the one of --format, or the one that the file's name ends in.
func (f exportFlags) kind() (string, error) {
	switch {
	case f.output == "" && f.update == "":
		return "", usageErrorf("where to? name a file with -o FILE, or -o - for standard output")
	case f.output != "" && f.update != "":
		return "", usageErrorf("-o writes a new file and --update brings one up to date: leave out one of them")
	case f.newOnly && f.update == "":
		return "", usageErrorf("--new-only needs an archive: name it with --update FILE")
	case f.update != "" && (f.state != "" || f.platform != "" || f.user != ""):
		return "", usageErrorf("--state, --platform and --user do not go with --update: an archive has all; pick with okchat convert, or export with -o")
	case f.update != "" && f.format != "" && f.format != "sqlite":
		return "", usageErrorf("--format %s does not go with --update: only SQLite files can be brought up to date", f.format)
	case f.update != "" && f.excel:
		return "", usageErrorf("--excel does not go with --update: it is for CSV; write that with okchat convert")
	case f.update != "" && f.until != "":
		return "", usageErrorf("--until does not go with --update: an archive reaches up to the newest; export with -o")
	case f.update != "" && f.resume:
		return "", usageErrorf("--resume is for -o: the next run of --update continues by itself")
	case f.update == "-":
		return "", usageErrorf("--update needs a file, got -")
	case f.update != "":
		return "sqlite", nil
	}
	names, endings := formatNames()
	kind := f.format
	if kind == "" && f.output == "-" {
		kind = "ndjson"
	}
	for _, format := range formats {
		if kind == "" && slices.Contains(format.endings, strings.ToLower(strings.TrimPrefix(filepath.Ext(f.output), "."))) {
			kind = format.name
		}
	}
	switch {
	case kind == "":
		return "", usageErrorf("the name %s does not tell the format: end it in .%s, or say --format %s", f.output, strings.Join(endings, ", ."), strings.Join(names, "|"))
	case !slices.Contains(names, kind):
		return "", usageErrorf("--format is %q, expected %s", kind, strings.Join(names, ", "))
	case kind == "sqlite" && f.output == "-":
		return "", usageErrorf("an SQLite file cannot go to standard output: name a file with -o FILE")
	case kind == "html" && f.output == "-":
		return "", usageErrorf("pages cannot go to standard output: name a folder with -o FOLDER")
	}
	if f.excel && kind != "csv" {
		return "", usageErrorf("--excel is for CSV, not for --format %s", kind)
	}
	if f.resume && (kind == "xlsx" || kind == "html") {
		return "", usageErrorf("--resume is not for %s: export to CSV, or to an archive with --update and okchat convert", kind)
	}
	if f.resume && kind == "sqlite" {
		return "", usageErrorf("--resume is not for SQLite files: begin and continue one with --update %s", f.output)
	}
	if f.resume && f.output == "-" {
		return "", usageErrorf("--resume needs a file, and standard output is none: name one with -o FILE")
	}
	return kind, nil
}

// newFile begins the file that is to stand at path, and removes what killed runs have left beside it. An archive with a
// history is replaced only by force.
func newFile(ctx context.Context, std streams, path string, force bool) (*atomicfile.File, error) {
	if err := mayReplace(ctx, path, force); err != nil {
		return nil, err
	}
	sweep(std, path)
	return atomicfile.Create(ctx, path)
}

func mayReplace(ctx context.Context, path string, force bool) error {
	if force {
		return nil
	}
	kept, err := sqlite.Kept(ctx, path)
	if kept {
		return usageErrorf("%s is %w, which would be lost: name another file", path, sqlite.ErrKept)
	}
	return err
}

// notRead returns an error if the file that is to be written is one that is read.
func notRead(output string, inputs ...string) error {
	to, err := os.Stat(output)
	if err != nil {
		return nil
	}
	for _, input := range inputs {
		if from, err := os.Stat(input); err == nil && os.SameFile(from, to) {
			return usageErrorf("%s is what is read: name another file with -o", output)
		}
	}
	return nil
}

func sweep(std streams, path string) {
	for _, name := range atomicfile.Sweep(path) {
		fmt.Fprintf(std.err, "%s was left by a run that was killed: removed\n", terminal.Line(name))
	}
}

// targetError adds to an error of the target what to do next. Errors of calls speak for themselves.
func targetError(ctx context.Context, err error, target string) error {
	var (
		usage     usageError
		api       *okchat.APIError
		broken    *okchat.ContractError
		transport *okchat.TransportError
		place     *os.PathError
	)
	switch {
	case err == nil, isClosedPipe(err), errors.Is(err, okchat.ErrArgument), errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return err
	case errors.As(err, &usage), errors.As(err, &api), errors.As(err, &broken), errors.As(err, &transport):
		return err
	case errors.Is(err, sqlite.ErrOtherChatbot), errors.Is(err, sqlite.ErrNotArchive):
		return archiveError(err)
	case errors.Is(err, atomicfile.ErrInUse):
		return fmt.Errorf("%w: wait for its end, or name another file", err)
	}
	if errors.As(err, &place) {
		err = place.Err // the path is that of the unfinished file
	}
	if target == "-" {
		target = "to standard output"
	}
	help := "name another file"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		help = "make room, or name a file elsewhere"
	}
	return fmt.Errorf("cannot write %s: %w: %s", target, err, help)
}

// archiveError adds to the error of an archive that cannot be read what to do next.
func archiveError(err error) error {
	var place *os.PathError
	switch {
	case errors.Is(err, sqlite.ErrOtherChatbot):
		return usageErrorf("%w: name another file, or its chatbot with --chatbot", err)
	case errors.Is(err, sqlite.ErrNotArchive):
		return usageErrorf("%w: make one with okchat export -o FILE.sqlite", err)
	case errors.Is(err, sqlite.ErrNoConversation), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, okchat.ErrArgument):
		return usageErrorf("%s", err.Error()) // and none of the chatbot's id
	case errors.As(err, &place) && errors.Is(err, fs.ErrNotExist):
		return usageErrorf("there is no file %s: make an archive with okchat export -o FILE.sqlite", place.Path)
	}
	return fmt.Errorf("cannot read the archive: %w: make another with okchat export -o FILE.sqlite", err)
}
