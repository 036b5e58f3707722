package contract

import "go.yaml.in/yaml/v3"

// addition is what a drift would have the contract learn.
type addition struct {
	at     *yaml.Node // the list or the mapping to which it goes
	value  string     // of an open set
	member *node      // of an object
}
