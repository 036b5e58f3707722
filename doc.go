// Package okchat reads the conversations that end users had with a chatbot of OKChat.
//
// For most uses, range over all of them:
//
//	client, err := okchat.New(key)
//	...
//	for conv, err := range client.Conversations(ctx, chatbotID, okchat.ListOptions{Limit: 100}) {
//		...
//	}
//
// [Client.Pages] hands out whole pages with the answers that held them, and [Client.Page] a single one. [Client.Messages] reads
// what was said in a conversation, [Client.Conversation] one conversation by its id, and [Client.Chatbots] the ids of the
// account's chatbots. Package okchattest has a fake server for tests.
//
// # What is known of the API
//
// The vendor publishes reference pages with one sample response each. [OpenAPI] returns the contract made from them, which marks
// each element as documented, observed or assumed; the types in package okchatapi are generated from it. The client relies
// on as little as it can: unknown members and unknown values of open sets are kept, see [Conversation].
//
// # Errors
//
// A call that was sent fails with one of three errors, which errors.As tells apart: the server refused ([APIError]), the
// answer breaks the contract ([ContractError]), or no whole answer came ([TransportError]). errors.Is finds what a program can
// do something about: [ErrUnauthorized], [ErrNotFound], [ErrRateLimited], [ErrTooLarge], [ErrTryTimeout], [ErrWaitTooLong],
// [ErrBudget], [ErrItems] and [ErrIncomplete]. A call whose arguments are wrong is not sent and matches [ErrArgument].
//
// # Waiting
//
// A call repeats failed tries and waits as the server asks, within the bounds of [RetryPolicy], [WithTryTimeout] and the context.
// [WithRate] keeps to a number of requests a second.
//
// # The key
//
// The key goes to the origin of the base URL and nowhere else, not even on a redirect, and only with requests that read. It
// appears in no error, log or printed value of this package.
package okchat
