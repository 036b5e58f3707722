package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// sample serves the recorded pages on loopback, for those who have no key yet.
type sample struct {
	url, key, chatbotID string
	synthetic           map[uuid.UUID]bool
	server              *http.Server
}

// readSample returns the recorded conversations and which of them were made up.
func readSample() (list []okchatapi.Conversation, synthetic map[uuid.UUID]bool, err error) {
	synthetic = map[uuid.UUID]bool{}
	for _, name := range []string{"page-1.har", "page-2.har"} {
		page, made, err := readPage(recordings.FS(), name)
		if err != nil {
			return nil, nil, err
		}
		for _, conv := range page.Data {
			synthetic[conv.ID] = made
		}
		list = append(list, page.Data...)
	}
	if len(list) == 0 {
		return nil, nil, errors.New("the recorded pages hold no conversation, expected some")
	}
	return list, synthetic, nil
}

func startSample() (*sample, error) {
	list, synthetic, err := readSample()
	if err != nil {
		return nil, err
	}
	s := &sample{synthetic: synthetic}
	fake := okchattest.New(okchattest.Conversations(list...), okchattest.Chatbot(list[0].ChatbotID), okchattest.MadeUpMessages())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot serve the recorded sample on loopback: %w", err)
	}
	s.url, s.key, s.chatbotID = "http://"+listener.Addr().String(), fake.Key, fake.ChatbotID
	s.server = &http.Server{Handler: fake, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *sample) close() { _ = s.server.Shutdown(context.Background()) }

// origin returns whether the conversation was recorded or is synthetic, and nothing where there is no sample.
func (s *sample) origin(conv okchat.Conversation) string {
	switch {
	case s == nil:
		return ""
	case s.synthetic[conv.ID]:
		return "synthetic"
	default:
		return "recorded"
	}
}

// readPage returns the page that a recording holds, and whether it was made up.
func readPage(files fs.FS, name string) (*okchatapi.ConversationPage, bool, error) {
	ex, err := readExchange(files, name)
	if err != nil {
		return nil, false, err
	}
	var page okchatapi.ConversationPage
	if err := json.Unmarshal(ex.ResponseBody, &page); err != nil {
		return nil, false, fmt.Errorf("%s: the response is not a page of conversations: %w", ex.Source, err)
	}
	return &page, ex.Synthetic, nil
}

// readExchange returns the first exchange of a recording.
func readExchange(files fs.FS, name string) (*exchange.Exchange, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the recording: %w", err)
	}
	defer file.Close()
	for ex, err := range exchange.ReadHAR(file, name) {
		return ex, err
	}
	return nil, fmt.Errorf("%s: no entry, expected one page", name)
}
