package main

import (
	"context"
	"fmt"
	"os"

	"github.com/okchat/okchat-go"
)

func main() {
	client, err := okchat.NewFromEnv()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for c, err := range client.Conversations(context.Background(), os.Args[1], okchat.ListOptions{}) {
		fmt.Println(c.ID, err)
	}
}
