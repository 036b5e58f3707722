package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	okchat "github.com/okchat/okchat-go"
)

func newSpec(std streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "spec",
		Short: "Print the contract",
		Long:  "Print the contract that this program was made from: OpenAPI 3.1, as it was written (yaml) or as JSON.",
		Example: `  okchat spec
  okchat spec --format json`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := specText(format)
			if err != nil {
				return err
			}
			_, err = io.WriteString(std.out, text)
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "yaml", "yaml or json")
	return cmd
}

func specText(format string) (string, error) {
	switch format {
	case "yaml":
		return okchat.OpenAPI(), nil
	case "json":
		var doc any
		if err := yaml.Unmarshal([]byte(okchat.OpenAPI()), &doc); err != nil {
			return "", err
		}
		text, err := json.MarshalIndent(doc, "", "  ")
		return string(text) + "\n", err
	default:
		return "", usageErrorf("--format is %q, expected yaml or json", format)
	}
}

// contractVersion finds what parsing all of the contract would, which takes longer than the rest of the command.
func contractVersion(spec string) string {
	_, info, _ := strings.Cut(spec, "\ninfo:\n")
	_, version, _ := strings.Cut(info, "\n  version: ")
	version, _, _ = strings.Cut(version, "\n")
	return version
}

func newVersion(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the contract",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			module := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				module = info.Main.Version
			}
			_, err := fmt.Fprintf(std.out, "okchat %s, contract %s\n", module, contractVersion(okchat.OpenAPI()))
			return err
		},
	}
}
