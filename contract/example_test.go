package contract_test

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
)

const examplePage = `{
  "data": [],
  "metadata": {"currentPage": 1, "pageSize": 10, "totalCount": 20, "totalPages": 3}
}`

func ExampleContract_Check() {
	rules, err := contract.New()
	if err != nil {
		log.Fatal(err)
	}
	const url = "https://v2.okchat.ai/api/external/chatbot/5afe16ed-5fd2-4552-a993-903bc9c32bb6/conversations"
	for _, f := range rules.Check(rules.NewBody("page.json", url, []byte(examplePage))).Findings {
		fmt.Println(f.Source.Place(), f.Code, f.Pointer)
	}
	// Output: page.json:3:82 total-pages /metadata/totalPages
}

func ExampleReadHAR() {
	rules, err := contract.New()
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.Open("../contract_test/recordings/page-1.har")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for ex, err := range exchange.ReadHAR(file, "page-1.har") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(ex, len(rules.Check(ex).Findings), "findings")
	}
	// Output: page-1.har entry 0 (GET, status 200) 0 findings
}

func ExampleContract_SelfTest() {
	rules, err := contract.New()
	if err != nil {
		log.Fatal(err)
	}
	mutants, err := rules.SelfTest()
	fmt.Println(mutants > 200, err)
	// Output: true <nil>
}

func ExampleContract_Handler() {
	rules, err := contract.New()
	if err != nil {
		log.Fatal(err)
	}
	var api http.Handler // your implementation of okchatapi.ServerInterface
	http.Handle("/api/", rules.Handler(api, func(r *contract.Result) {
		for _, f := range r.Findings {
			log.Print(f)
		}
	}))
}
