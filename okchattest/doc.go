// Package okchattest is a fake OKChat server for the tests of programs that list conversations.
//
//	srv := okchattest.NewServer(t, okchattest.Synthetic(1, 250))
//	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
//	// list srv.ChatbotID with client, compare with srv.At
//
// [NewServer] listens on loopback. [NewMemoryServer] needs no sockets and works in a [testing/synctest] bubble, where
// latencies and retries take no real time: give the client srv.Transport too. [New] is the bare handler.
//
// # What is served
//
// The list is made up by [Synthetic], from none to millions of conversations without holding them, or given with
// [Conversations], or both. It is newest first by created_at (observed) and paged as the contract says; a page past the
// end is empty. Where the contract is silent the fake does what is plausible, and says so in JSON: 401 for a wrong key,
// 404 for another chatbot, 400 for a page, limit or id that does not parse. Nobody has seen the API do these.
//
// A list shifts while it is walked: [Fake.AddNew], [Fake.Insert], [Fake.Remove] and [Fake.SetState] change it at any
// time, and a hook set by [Between] does so between two requests.
//
// # What goes wrong
//
// A [Fault] changes one answer. [Fake.Next] scripts the requests to come, [Fake.OnPage] those for one page, [Fake.Every]
// all others; [Chain] combines faults. [RowsOf], [RowCap] and [EditRow] make pages that hold something else than their
// metadata say, [Rate] and [Clock] a server that allows few requests.
//
//	srv.Next(
//		okchattest.Status(503, "", "Retry-After", "7"),
//		nil, // an ordinary answer
//		okchattest.Chain(okchattest.Delay(time.Minute), okchattest.Truncate(100)),
//	)
//
// A script that is not used up fails the test. [Fake.Requests] tells what the server saw, without the key.
package okchattest
