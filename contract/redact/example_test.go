package redact_test

import (
	"fmt"
	"log"
	"os"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/exchange"
)

func ExampleNew() {
	rules, err := contract.New()
	if err != nil {
		log.Fatal(err)
	}
	redactor, err := redact.New(rules, []byte("keep this to yourself, 16 bytes or more"))
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.Open("../../contract_test/recordings/page-1.har")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for ex, err := range exchange.ReadHAR(file, "page-1.har") {
		if err != nil {
			log.Fatal(err)
		}
		ex.Shareable = false
		before := rules.Check(ex)
		safe, err := redactor.Exchange(before)
		if err != nil {
			log.Fatal(err)
		}
		after := rules.Check(safe)
		fmt.Println(len(redact.Leaks(before)), "leaks before,", len(redact.Leaks(after)), "after")
	}
	// Output: 3 leaks before, 0 after
}
