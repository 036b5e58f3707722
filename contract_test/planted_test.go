package contract_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/contract/report"
	"github.com/okchat/okchat-go/exchange"
)

// plant is a place for a secret in an exchange.
type plant struct {
	name string
	put  func(ex *exchange.Exchange, secret string)
}

// inBody replaces a piece of the recorded body.
func inBody(old, new string) func(*exchange.Exchange, string) {
	return func(ex *exchange.Exchange, secret string) {
		body := strings.Replace(string(ex.ResponseBody), old, strings.ReplaceAll(new, "SECRET", secret), 1)
		if body == string(ex.ResponseBody) {
			panic("not in the body: " + old)
		}
		ex.ResponseBody = []byte(body)
	}
}

func inURL(suffix string) func(*exchange.Exchange, string) {
	return func(ex *exchange.Exchange, secret string) {
		ex.URL += strings.ReplaceAll(suffix, "SECRET", url.QueryEscape(secret))
	}
}

func inHeader(name, value string) func(*exchange.Exchange, string) {
	return func(ex *exchange.Exchange, secret string) {
		ex.ResponseHeader.Set(name, strings.ReplaceAll(value, "SECRET", secret))
	}
}

func inRequest(name, value string) func(*exchange.Exchange, string) {
	return func(ex *exchange.Exchange, secret string) {
		ex.RequestHeader.Set(name, strings.ReplaceAll(value, "SECRET", secret))
	}
}

func asBody(status int, contentType, body string) func(*exchange.Exchange, string) {
	return func(ex *exchange.Exchange, secret string) {
		ex.Status = status
		ex.ResponseHeader.Set("Content-Type", contentType)
		ex.ResponseBody = []byte(strings.ReplaceAll(body, "SECRET", secret))
	}
}

var plants = []plant{
	{"the key", inRequest("X-Api-Key", "SECRET")},
	{"a cookie", inRequest("Cookie", "sid=SECRET")},
	{"a bearer token", inRequest("Authorization", "Bearer SECRET")},
	{"a request header that nobody knows", inRequest("X-Trace", "SECRET")},
	{"the user agent", inRequest("User-Agent", "client/1 (SECRET)")},
	{"Accept", inRequest("Accept", "application/SECRET")},
	{"Accept-Encoding", inRequest("Accept-Encoding", "gzip, SECRET")},
	{"a referer", inRequest("Referer", "https://a.example/?token=SECRET")},
	{"the request's media type", inRequest("Content-Type", "application/SECRET")},
	{"a parameter of the request's media type", inRequest("Content-Type", "application/json; boundary=SECRET")},
	{"the request's body", func(ex *exchange.Exchange, secret string) { ex.RequestBody = []byte(`{"a":"` + secret + `"}`) }},
	{"the method", func(ex *exchange.Exchange, secret string) { ex.Method = "GET" + secret }},
	{"the comment", func(ex *exchange.Exchange, secret string) { ex.Comment = secret }},
	{"the source", func(ex *exchange.Exchange, secret string) { ex.Source.File = secret }},
	{"the user of the URL", func(ex *exchange.Exchange, secret string) {
		ex.URL = strings.Replace(ex.URL, "://", "://user:"+url.QueryEscape(secret)+"@", 1)
	}},
	{"the host", func(ex *exchange.Exchange, secret string) {
		ex.URL = strings.Replace(ex.URL, "v2.okchat.ai", strings.Trim(url.QueryEscape(secret), "%")+".example", 1)
	}},
	{"the chatbot in the path", func(ex *exchange.Exchange, secret string) {
		ex.URL = strings.Replace(ex.URL, bot, url.PathEscape(secret), 1)
	}},
	{"the fragment", inURL("#SECRET")},
	{"a value of the query", inURL("?state=SECRET")},
	{"the value of a number in the query", inURL("?page=SECRET")},
	{"a parameter that nobody knows", inURL("?token=SECRET")},
	{"the name of a parameter", inURL("?SECRET=1")},
	{"the name of a parameter without value", inURL("?SECRET")},
	{"a parameter after a broken one", inURL("?a=%zz&b=SECRET")},
	{"the end of a broken value", inURL("?a=%zzSECRET")},
	{"a pair with a semicolon", inURL("?a=1;SECRET")},
	{"Set-Cookie", inHeader("Set-Cookie", "sid=SECRET")},
	{"an echo in a header", inHeader("X-Echo", "SECRET")},
	{"the answer's media type", inHeader("Content-Type", "application/SECRET")},
	{"a parameter of the answer's media type", inHeader("Content-Type", "application/json; profile=SECRET")},
	{"the charset", inHeader("Content-Type", "application/json; charset=SECRET")},
	{"a media type that is none", inHeader("Content-Type", "SECRET SECRET")},
	{"the encoding", inHeader("Content-Encoding", "SECRET")},
	{"the date", inHeader("Date", "SECRET")},
	{"Retry-After", inHeader("Retry-After", "SECRET")},
	{"Cache-Control", inHeader("Cache-Control", "private, SECRET")},
	{"Vary", inHeader("Vary", "SECRET")},
	{"Location", inHeader("Location", "https://a.example/SECRET")},
	{"a text", inBody(`"last_message": "`, `"last_message": "SECRET `)},
	{"a message", inBody(`"content": "`, `"content": "SECRET `)},
	{"an id", inBody(`"id": "`, `"id": "SECRET`)},
	{"a user", inBody(`"user_id": null`, `"user_id": "SECRET"`)},
	{"a session", inBody(`"session_token": null`, `"session_token": "SECRET"`)},
	{"a file", inBody(`"voice_path": null`, `"voice_path": "/voices/SECRET.wav"`)},
	{"a value of a set", inBody(`"state": "in_progress"`, `"state": "SECRET"`)},
	{"a platform", inBody(`"platform": "`, `"platform": "SECRET`)},
	{"a time that is none", inBody(`"created_at": "`, `"created_at": "SECRET`)},
	{"a member that nobody knows", inBody(`"active": true`, `"active": true, "x": "SECRET"`)},
	{"a time in a member that nobody knows", inBody(`"active": true`, `"active": true, "x": "2025-01-01 SECRET"`)},
	{"the name of a member", inBody(`"active": true`, `"active": true, "SECRET": 1`)},
	{"the name of a member, garbled", inBody(`"active": true`, `"active": true, "SECRET`+"\xff"+`": 1`)},
	{"a text, garbled", inBody(`"last_message": "`, `"last_message": "SECRET`+"\xff")},
	{"a text in a list", inBody(`"active": true`, `"active": true, "x": [["SECRET"]]`)},
	{"another type", inBody(`"active": true`, `"active": "SECRET"`)},
	{"a failure in JSON", asBody(403, "application/json", `{"error": {"message": "no such key SECRET", "SECRET": 1}}`)},
	{"a failure in HTML", asBody(403, "text/html", `<p id="SECRET">SECRET</p>`)},
	{"a page that only begins like JSON", asBody(200, "application/json", `{"data": SECRET, "message": "SECRET`)},
	{"a page after a byte order mark", asBody(200, "application/json", "\xef\xbb\xbf{\"data\":[], SECRET}")},
	{"text under JSON", asBody(200, "application/json", `key SECRET is not valid`)},
	{"what follows the page", func(ex *exchange.Exchange, secret string) { ex.ResponseBody = append(ex.ResponseBody, secret...) }},
}

// plantsIn are places in the answers of the other operations, by the recording whose first exchange has them.
var plantsIn = map[string][]plant{
	"messages.har": {
		{"the text of a message", inBody(`"content": "`, `"content": "SECRET `)},
		{"the name of an attachment", inBody(`"name": "`, `"name": "SECRET`)},
		{"the path of an attachment", inBody(`/user_images/`, `/SECRET/`)},
		{"the host of an attachment", inBody(`https://storage.`, `https://SECRET.`)},
		{"the scheme of an attachment", inBody(`"url": "https`, `"url": "SECRET`)},
		{"a provider's id of a message", inBody(`"mid": "msg-`, `"mid": "SECRET`)},
		{"the session of a message", inBody(`"session_token": null`, `"session_token": "SECRET"`)},
		{"the call of a tool", inBody(`"tool_calls": []`, `"tool_calls": [{"a": ["SECRET"], "prompt": "SECRET", "session_id": "SECRET"}]`)},
	},
	"chatbots.har": {
		{"the instructions of a chatbot", inBody(`"prompt": "`, `"prompt": "SECRET `)},
		{"instructions where nobody knows them", inBody(`"is_public": `, `"x": {"prompt": "SECRET", "system": ["SECRET"]}, "is_public": `)},
		{"the provider's key of a chatbot", inBody(`"is_public": `, `"openai_api_key": "SECRET", "is_public": `)},
		{"a key where nobody knows it", inBody(`"settings": {`, `"settings": {"openai_api_key": "SECRET", `)},
	},
	"conversation.har": {
		{"the user of a conversation", inBody(`"sns_user_id": "`, `"sns_user_id": "SECRET`)},
	},
}

// secretOf makes up a secret that looks like many real ones, with digits in it so that no report takes it for a word.
func secretOf(random *rand.Rand, i int) string {
	letters := func(alphabet string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	const digits, lower, upper = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	switch i % 10 {
	case 0:
		return letters(digits+"abcdef", 40) + "9f"
	case 1:
		return "7" + letters(digits+lower+upper, 19)
	case 2:
		return letters(lower, 6) + letters(digits, 4) + "@" + letters(lower, 8) + ".example"
	case 3:
		return "+82 10 " + letters(digits, 4) + " " + letters(digits, 4)
	case 4:
		return "sk_live_" + letters(digits+lower, 24)
	case 5:
		return "eyJ" + letters(lower+digits, 12) + "." + letters(lower+digits, 20) + "." + letters(lower+digits, 20)
	case 6:
		return letters(digits, 22)
	case 7:
		return "비밀 " + letters(digits, 6) + " 대화"
	case 8:
		return letters(upper, 5) + "_" + letters(digits, 5) + "-" + letters(lower, 5)
	}
	return "Zz9/" + letters(upper+lower, 10) + "+" + letters(digits, 5) + "="
}

// TestNoPlantedSecretSurvives plants 2,000 secrets, each in one of 73 places of an exchange, and looks for them in the
// recording and in what is reported of the call, plain and decoded.
func TestNoPlantedSecretSurvives(t *testing.T) {
	t.Parallel()
	type place struct {
		file string
		plant
	}
	var places []place
	for _, p := range plants {
		places = append(places, place{"page-1.har", p})
	}
	for _, file := range slices.Sorted(maps.Keys(plantsIn)) {
		for _, p := range plantsIn[file] {
			places = append(places, place{file, p})
		}
	}
	if len(places) < 70 {
		t.Fatalf("expected at least 70 places, got %d", len(places))
	}
	c := theContract(t)
	r, again := redactor(t, salt), redactor(t, salt)
	random := rand.New(rand.NewPCG(1, 2))
	n := 2000
	if testing.Short() {
		n = 3 * len(places)
	}
	survived, recorded, differ := 0, 0, 0
	for i := range n {
		place := places[i%len(places)]
		secret := secretOf(random, i/len(places))
		ex := *sampleExchange(t, place.file)
		ex.RequestHeader, ex.ResponseHeader = ex.RequestHeader.Clone(), ex.ResponseHeader.Clone()
		place.put(&ex, secret)
		result := c.Check(&ex)
		safe, err := r.Exchange(result)
		if err != nil {
			t.Errorf("%s: %q was left out: %v", place.name, secret, err)
			continue
		}
		text, err := exchange.Marshal(safe)
		if err != nil {
			t.Fatal(err)
		}
		recorded++
		if i%10 != 0 {
			// enough of them agree
		} else if other, err := again.Exchange(result); err != nil {
			t.Error(err)
		} else if b, _ := exchange.Marshal(other); !bytes.Equal(b, text) {
			differ++
		}
		texts := []string{string(text)}
		for _, f := range c.Check(safe).Findings {
			texts = append(texts, f.String())
		}
		// Reports of the original name the places as they came: members, headers and parameters by their names.
		if !strings.HasPrefix(place.name, "the name of") && place.name != "the source" && place.name != "a pair with a semicolon" {
			for _, format := range report.Formats() {
				var out bytes.Buffer
				w, err := report.New(format, &out, c, report.Options{})
				if err != nil {
					t.Fatal(err)
				}
				w.Result(result)
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				texts = append(texts, out.String())
			}
		}
		for _, text := range texts {
			if shows(text, secret) {
				survived++
				t.Errorf("%s: %q survived in %.300s", place.name, secret, text)
				break
			}
		}
	}
	t.Logf("%d secrets in %d places: %d recordings, %d secrets survived, %d recordings differ with one salt", n, len(places), recorded, survived, differ)
	if differ > 0 || recorded != n {
		t.Errorf("expected %d recordings that are the same with one salt, got %d of which %d differ", n, recorded, differ)
	}
}

// shows reports whether a text holds a secret, plain or in the encodings that texts are in.
func shows(text, secret string) bool {
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(fmt.Sprintf("%+q", secret), `"`), base64.StdEncoding.EncodeToString([]byte(secret))}
	for part := range strings.FieldsSeq(secret) { // a half is no better
		if len(part) >= 6 {
			forms = append(forms, part)
		}
	}
	lower := strings.ToLower(text)
	for _, form := range forms {
		if strings.Contains(lower, strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// sampleExchange returns the first exchange of a recording with the request of a client.
func sampleExchange(t *testing.T, file string) *exchange.Exchange {
	t.Helper()
	ex := *recorded(t, file)[0]
	ex.Part, ex.Comment = nil, ""
	if ex.RequestHeader == nil {
		ex.RequestHeader = make(http.Header)
	}
	return &ex
}

// TestARecorderRefusesTheKeyInAnyEncoding holds the last line of defence: by construction nothing comes so far.
func TestARecorderRefusesTheKeyInAnyEncoding(t *testing.T) {
	t.Parallel()
	const key = "Q9xvb7LmT2zrK4/wNh8+Ys"
	var utf16, percent strings.Builder
	for _, c := range []byte(key) {
		fmt.Fprintf(&utf16, `\u%04x`, c)
		fmt.Fprintf(&percent, "%%%02X", c)
	}
	encoded := base64.StdEncoding.EncodeToString
	for name, text := range map[string]string{
		"plain": key, "in another case": strings.ToUpper(key), "in JSON escapes": utf16.String(), "percent-encoded": percent.String(),
		"percent-encoded twice": strings.ReplaceAll(percent.String(), "%", "%25"), "in base64": encoded([]byte(key)),
		"in base64 with a prefix": encoded([]byte("a:" + key)), "in base64 with another prefix": encoded([]byte("ab:" + key + ":c")),
		"in base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte("user:" + key)), "in hex": fmt.Sprintf("%x", key),
		"with escaped slashes": strings.ReplaceAll(key, "/", `\/`), "in HTML": strings.ReplaceAll(key, "+", "&#43;"),
	} {
		if !redact.Holds("some text <"+text+"> and more", key) {
			t.Errorf("%s: expected the key to be found", name)
		}
	}
	for _, text := range []string{"", "some text", key[:10], strings.Repeat("x", 1000)} {
		if redact.Holds(text, key) {
			t.Errorf("expected no key in %q", text)
		}
	}
	if redact.Holds("a short text", "short") {
		t.Error("expected a key that may stand anywhere by chance not to be searched")
	}
}
