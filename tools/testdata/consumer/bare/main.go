package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func main() {
	req, err := http.NewRequest("GET", "https://v2.okchat.ai/api/external/chatbot/"+os.Args[1]+"/conversations", nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set("x-api-key", os.Getenv("OKCHAT_API_KEY"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	var page struct{ Data []struct{ ID string } }
	fmt.Println(json.NewDecoder(resp.Body).Decode(&page), page)
}
