package okchat

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestABodyThatNobodyReadsIsNotWaitedFor(t *testing.T) {
	endless := func(code int, header ...string) reply {
		return func(req *http.Request) (*http.Response, error) {
			resp := answer(code, "text/plain", "", header...)
			resp.Body, resp.ContentLength = endlessBody{req.Context()}, -1
			return resp, nil
		}
	}
	for name, replies := range map[string][]reply{
		"101": {endless(101)}, "204": {endless(204)}, "300": {endless(300)}, "304": {endless(304)},
		"a redirect": {endless(302, "Location", "/elsewhere"), succeeds},
	} {
		synctest.Test(t, func(t *testing.T) {
			start, n := time.Now(), 0
			client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) { n++; return replies[n-1](req) }))
			_, err := client.Page(t.Context(), testBot, PageOptions{})
			var broken *ContractError
			if len(replies) == 1 && (!errors.As(err, &broken) || broken.Where != "status") || len(replies) == 2 && err != nil {
				t.Errorf("%s: error %v", name, err)
			}
			if n != len(replies) || time.Since(start) != 0 {
				t.Errorf("%s: %d requests in %v", name, n, time.Since(start))
			}
		})
	}
}

// endlessBody is a body that never comes.
type endlessBody struct{ ctx context.Context }

func (b endlessBody) Read([]byte) (int, error) { <-b.ctx.Done(); return 0, b.ctx.Err() }
func (endlessBody) Close() error               { return nil }

func TestTheReasonOfTheServerIsShown(t *testing.T) {
	for body, want := range map[string]string{
		`{"message":"slow down"}`: "slow down",
		`{"statusCode":400,"message":["limit must not be greater than 50","page must be a number"],"error":"Bad Request"}`: "limit must not be greater than 50; page must be a number",
		`{"detail":[{"loc":["query","limit"],"msg":"limit must be at most 50"}]}`:                                          "limit must be at most 50",
		`{"detail":"Not authenticated"}`:                                                        "Not authenticated",
		`{"title":"Invalid limit","detail":"limit must be at most 50"}`:                         "Invalid limit: limit must be at most 50",
		`{"type":"about:blank","title":"Forbidden","status":403}`:                               "Forbidden",
		`{"errors":[{"message":"limit must be at most 50"}]}`:                                   "limit must be at most 50",
		`{"errors":{"limit":["is too large"],"page":["is not a number"]}}`:                      "limit: is too large; page: is not a number",
		`{"message":"Validation failed","errors":[{"field":"limit","message":"is too large"}]}`: "Validation failed: is too large",
		`{"message":"is too large","errors":[{"message":"is too large"}]}`:                      "is too large",
		`{"error":"quota exceeded"}`:                                                            "quota exceeded",
		`{"error":{"code":"E1","message":"quota exceeded"}}`:                                    "quota exceeded",
		`{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}`:                                 "rateLimitExceeded",
		`{"error":true,"Message":"no such key"}`:                                                "no such key",
		`{"message":"","error":"no such key"}`:                                                  "no such key",
		`{"error":"invalid_token","error_description":"The token is used up"}`:                  "The token is used up",
		`{"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.v2"}}}`:          "Invalid ApiKey: errorcode: oauth.v2",
		`"no such key"`:                   "no such key",
		`no such key`:                     "no such key",
		" no  such\n\tkey\x1b[31m\u202e ": "no such key[31m",
		`<!DOCTYPE html><html><head><title lang="en">502 Bad &amp; Worse</title></head>`: "502 Bad & Worse",
		`<html>`:             "",
		`{"message":`:        "",
		`{"error":7}`:        "",
		`{"status":"error"}`: "",
		`7`:                  "",
		``:                   "",
		strings.Repeat(`[`, 5000) + `"x"` + strings.Repeat(`]`, 5000): "",
		`{"message":"` + strings.Repeat("긴", 200) + `"}`:              strings.Repeat("긴", 65) + "...",
		`{"message":"your key fake-key-for-tests is blocked"}`:        "your key [key] is blocked",
	} {
		client := newTestClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return answer(400, "application/problem+json", body), nil }))
		_, err := client.Page(t.Context(), testBot, PageOptions{})
		var api *APIError
		if !errors.As(err, &api) || api.Message != want || strings.ContainsAny(err.Error(), "\n\x1b") || want != "" && !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: message %q, expected %q; %v", body, api.Message, want, err)
		}
	}
	client := newTestClient(t, roundTrip(body(mediaType, `{"error":"quota exceeded"}`)))
	_, err := client.Page(t.Context(), testBot, PageOptions{})
	var broken *ContractError
	if !errors.As(err, &broken) || broken.Where != "/data" || !strings.Contains(err.Error(), "quota exceeded") {
		t.Errorf("under 200: %v", err)
	}
}

func TestAChallengeIsNotABadKey(t *testing.T) {
	const page = "<html><head><title>Just a moment...</title></head></html>"
	for name, tt := range map[string]struct {
		server    reply
		challenge bool
	}{
		"Cloudflare's": {func(*http.Request) (*http.Response, error) {
			return answer(403, "text/html", page, "Cf-Mitigated", "challenge"), nil
		}, true},
		"Cloudflare's by its text": {func(*http.Request) (*http.Response, error) { return answer(403, "text/html", page), nil }, true},
		"that of AWS":              {status(403, "X-Amzn-Waf-Action", "captcha"), true},
		"one by its text": {func(*http.Request) (*http.Response, error) {
			return answer(401, "", " \n<HTML>Please solve this CAPTCHA"), nil
		}, true},
		"a refusal of the key": {func(*http.Request) (*http.Response, error) {
			return answer(403, mediaType, `{"message":"captcha"}`), nil
		}, false},
		"another page": {func(*http.Request) (*http.Response, error) {
			return answer(403, "text/html", "<html><title>403 Forbidden</title>"), nil
		}, false},
	} {
		_, err := newTestClient(t, roundTrip(tt.server)).Page(t.Context(), testBot, PageOptions{})
		var api *APIError
		if !errors.As(err, &api) || api.Challenge != tt.challenge || errors.Is(err, ErrUnauthorized) == tt.challenge || strings.Contains(err.Error(), "firewall") != tt.challenge || strings.Contains(err.Error(), "check the API key") == tt.challenge {
			t.Errorf("%s: %v", name, err)
		}
	}
}
