// Package okchat is a client of OKChat's conversations endpoint: it lists the conversations that end users had with a
// chatbot.
//
//	client, err := okchat.New(key)
//	...
//	page, err := client.Page(ctx, chatbotID, okchat.PageOptions{Limit: 50})
//
// # What is known of the endpoint
//
// The vendor publishes a reference page with one sample response. The contract made from it is [OpenAPI]; it says of each
// element whether it is documented, observed or assumed, and the types in package okchatapi are generated from it. The
// client relies on as little as it can: unknown members and unknown values of open sets are kept, see [Conversation].
//
// # Errors
//
// A call that was sent fails with exactly one of three errors, to be told apart with errors.As: the API said no
// ([APIError]; errors.Is finds [ErrUnauthorized], [ErrNotFound] and [ErrRateLimited]), the answer is not the contract's
// ([ContractError]), or there was no whole answer ([TransportError]). A call whose arguments are wrong is not sent and
// matches [ErrArgument].
//
// # The key
//
// The key goes to the base URL's origin and nowhere else, not even on a redirect, and appears in no error, log or
// printed value of this package.
package okchat
