package redact

import (
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract/finding"
)

func TestSecretsAndPersonalDataAreFoundByTheirForm(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want finding.Code
	}{
		{"write to kim.minsu@shop.co.kr", finding.CodeLeakedEmail},
		{"ｋｉｍ＠ｓｈｏｐ．ｃｏ．ｋｒ", finding.CodeLeakedEmail},
		{"사용자@도메인.한국", finding.CodeLeakedEmail},
		{"kim at shop", ""},
		{"@shop.co.kr", ""},
		{"01012345678", finding.CodeLeakedPhone},
		{"전화 01012345678입니다", finding.CodeLeakedPhone},
		{"0111234567", finding.CodeLeakedPhone},
		{"010-1234-5678", finding.CodeLeakedPhone},
		{"010.1234.5678", finding.CodeLeakedPhone},
		{"010 1234 5678", finding.CodeLeakedPhone},
		{"０１０－１２３４－５６７８", finding.CodeLeakedPhone},
		{"02-123-4567", finding.CodeLeakedPhone},
		{"+82 10-1234-5678", finding.CodeLeakedPhone},
		{"+821012345678", finding.CodeLeakedPhone},
		{"(212) 555-0100", finding.CodeLeakedPhone},
		{"880101-1234567", finding.CodeLeakedPhone},
		{"880101 1234567", finding.CodeLeakedPhone},
		{"８８０１０１－１２３４５６７", finding.CodeLeakedPhone},
		{"8801011234568", finding.CodeLeakedPhone},
		{"8801011234567", ""}, // its check digit is 8
		{"881301-1234567", ""},
		{"880230-1234567", ""},
		{"000229-3234567", finding.CodeLeakedPhone},
		{"880101-9234567", ""},
		{"10000000000001", ""},
		{"101012345678", ""},
		{"010123456789", ""},
		{"1741323369123", ""},
		{"2025-03-07T04:56:09.200005+00:00", ""},
		{"5afe16ed-5fd2-4552-a993-903bc9c32bb6", ""},
		{"00000001-0000-4000-8000-010123456780", ""},
		{"conversation-voice_assistant_room_9570.ogg", ""},
		{"Bearer made-up-0123456789", finding.CodeLeakedToken},
		{"sk_live_" + strings.Repeat("a1", 10), finding.CodeLeakedToken},
		{"a bearer of news", ""},
		{"1234", ""},
	} {
		got := codesIn(test.text)
		if test.want == "" && got != nil || test.want != "" && !slices.Equal(got, []finding.Code{test.want}) {
			t.Errorf("%q: expected %q, got %q", test.text, test.want, got)
		}
	}
}

func TestEachBeginningOfATokenIsFound(t *testing.T) {
	t.Parallel()
	for _, beginning := range []string{"sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "sk_live_", "pk-test-", "rk_proj_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_",
		"xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-", "AKIA", "AIza"} {
		text := "it is " + beginning + strings.Repeat("A1B2C3D4", 5)[:map[bool]int{true: 16, false: 40}[beginning == "AKIA"]]
		if got := codesIn(text); !slices.Equal(got, []finding.Code{finding.CodeLeakedToken}) {
			t.Errorf("%q: expected a token, got %q", text, got)
		}
	}
}

func TestNamesOfSecretsAreComparedByWholeWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"key": true, "api_key": true, "apiKey": true, "x-api-key": true, "API_KEY": true, "accessToken": true, "token": true, "password": true,
		"userPassword": true, "session_id": true, "client.secret": true, "auth": true,
		"monkey": false, "keyboard": false, "tokenized": false, "author": false, "page": false, "sessions_total": false, "": false, "가": false,
	} {
		if got := namesSecret(name); got != want {
			t.Errorf("%q: expected %v, got %v", name, want, got)
		}
	}
}
