package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
)

// Cause returns why a request got no answer, safe to print: without the URL, and without anything that the server sent.
// net/http quotes lines that are no HTTP, and a server may have put the request's key there.
func Cause(err error) error {
	if call, ok := errors.AsType[*url.Error](err); ok {
		err = call.Err
	}
	if address, ok := errors.AsType[*net.OpError](err); ok {
		return address
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return name
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate
	}
	if authority, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return authority
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return host
	}
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("it did not answer in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection")
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errors.New("it did not answer in time")
	}
	return errors.New("what it sent is not HTTP, or not of the URL's scheme")
}
