package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
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
	offer(cmd, "format", []string{"yaml", "json"})
	return cmd
}

func specText(format string) (string, error) {
	switch format {
	case "yaml":
		return okchat.OpenAPI(), nil
	case "json":
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(okchat.OpenAPI()), &doc); err != nil {
			return "", err
		}
		text, err := json.MarshalIndent(ordered{&doc}, "", "  ")
		return string(text) + "\n", err
	default:
		return "", usageErrorf("--format is %q, expected yaml or json", format)
	}
}

// ordered is a YAML document or a part of one, which becomes JSON with its members in their order.
type ordered struct{ *yaml.Node }

// MarshalJSON implements [json.Marshaler].
func (o ordered) MarshalJSON() ([]byte, error) {
	if o.Kind == yaml.ScalarNode {
		var value any
		if err := o.Decode(&value); err != nil {
			return nil, err
		}
		return json.Marshal(value)
	}
	if o.Kind == yaml.DocumentNode {
		return ordered{o.Content[0]}.MarshalJSON()
	}
	text := []byte{'['}
	for i, part := range o.Content {
		value, err := ordered{part}.MarshalJSON()
		if err != nil {
			return nil, err
		}
		if o.Kind == yaml.MappingNode && i%2 == 0 { // a name; one such as 404 is a number in YAML
			if value, err = json.Marshal(part.Value); err != nil {
				return nil, err
			}
			value = append(value, ':')
		} else {
			value = append(value, ',')
		}
		text = append(text, value...)
	}
	text = append(bytes.TrimSuffix(text, []byte{','}), ']')
	if o.Kind == yaml.MappingNode {
		text[0], text[len(text)-1] = '{', '}'
	}
	return text, nil
}

// member returns the value of the member that the names lead to, which has to be there.
func (o ordered) member(names ...string) *yaml.Node {
	node := o.Node
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	for _, name := range names {
		for i := 0; i < len(node.Content); i += 2 {
			if node.Content[i].Value == name || name == "" {
				node = node.Content[i+1]
				break
			}
		}
	}
	return node
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
			_, err := fmt.Fprintln(std.out, versionText())
			return err
		},
	}
}

func versionText() string {
	return fmt.Sprintf("okchat %s, contract %s", cmp.Or(moduleVersion(), "(devel)"), contractVersion(okchat.OpenAPI()))
}
