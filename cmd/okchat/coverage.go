package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/contract"
	covered "github.com/okchat/okchat-go/contract/coverage"
	"github.com/okchat/okchat-go/contract/report"
)

type coverageFlags struct {
	contractFlags
	recordingFlags
	format, output string
	min            float64
}

func newCoverage(std streams) *cobra.Command {
	var flags coverageFlags
	cmd := &cobra.Command{
		Use:   "coverage PATH...|-",
		Short: "Tell what recordings ever showed of the contract",
		Long: `Tell what recordings ever showed of the contract, to the value: statuses, parameters, members that were there and not, null
and not, true and false, branches of a union, known values. What was never seen is claimed by the contract and not
proven.

In the text + is proven, each value was seen; ~ is claimed, some were; - was never seen.
` + checkExitHelp,
		Example: `  okchat coverage recordings/
  okchat coverage --format html -o coverage.html recordings/
  okchat coverage --min 70 recordings/ > coverage.txt`,
		RunE: func(cmd *cobra.Command, args []string) error { return coverage(cmd.Context(), std, flags, args) },
	}
	flags.contractFlags.add(cmd)
	flags.recordingFlags.add(cmd)
	cmd.Flags().StringVar(&flags.format, "format", "text", "text, json or html")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "-", "write to `file`, - for standard output")
	cmd.Flags().Float64Var(&flags.min, "min", 0, "fail where less than this `percent` was seen")
	offer(cmd, "format", report.CoverageFormats())
	return cmd
}

func coverage(ctx context.Context, std streams, flags coverageFlags, paths []string) error {
	switch {
	case len(paths) == 0:
		return usageErrorf("what is to be read? name recordings, or - for standard input")
	case !slices.Contains(report.CoverageFormats(), flags.format):
		return usageErrorf("--format is %q, expected one of %s", flags.format, strings.Join(report.CoverageFormats(), ", "))
	case flags.min < 0 || flags.min > 100:
		return usageErrorf("--min is %v, expected 0 to 100", flags.min)
	}
	c, err := flags.load(std)
	if err != nil {
		return err
	}
	if err := notRead(flags.output, paths...); err != nil {
		return err
	}
	cov, failed := covered.New(c), false
	err = flags.check(ctx, c, paths, std.in, func(r *contract.Result, err error) bool {
		if err != nil {
			failed = true
			fmt.Fprintf(std.err, "okchat: %s\n", errorText(err, exitFailed))
			return true
		}
		cov.Add(r)
		return true
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	if err := flags.write(ctx, std, cov); err != nil {
		return err
	}
	seen, all := cov.Count()
	switch {
	case failed:
		return uncheckedError{errFindings}
	case 100*float64(seen) < flags.min*float64(all):
		return fmt.Errorf("%d of %d was seen, %.1f %%, expected at least %v %%: record what is missing, or lower --min",
			seen, all, 100*float64(seen)/float64(all), flags.min)
	}
	return nil
}

func (f coverageFlags) write(ctx context.Context, std streams, cov *covered.Coverage) error {
	unwritten := func(err error) error {
		if err == nil {
			return nil
		}
		return uncheckedError{fmt.Errorf("cannot write %s: %w: name another file with -o", f.output, err)}
	}
	if f.output == "-" {
		return unwritten(report.WriteCoverage(f.format, std.out, cov))
	}
	file, err := newFile(ctx, std, f.output, false)
	if err != nil {
		return unwritten(err)
	}
	defer file.Abort()
	if err := report.WriteCoverage(f.format, file, cov); err != nil {
		return unwritten(err)
	}
	return unwritten(file.Commit())
}
