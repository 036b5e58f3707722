package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
)

// specMutants change openapi.yaml in one place each, as a careless hand would.
var specMutants = []struct{ name, old, new string }{
	{"a required member is no longer required", "        - voice_path\n      properties:", "      properties:"},
	{"a required member of the page is not", "required: [data, metadata]", "required: [data]"},
	{"a required member of the metadata is not", "required: [currentPage, pageSize, totalCount, totalPages]", "required: [currentPage, pageSize, totalCount]"},
	{"a required member of a message is not", "required: [id, content, sender_type]", "required: [id, content]"},
	{"nothing of a message is required", "      required: [id, content, sender_type]\n", ""},
	{"a boolean becomes a string", "Only `true` was seen.\n          type: boolean", "Only `true` was seen.\n          type: string"},
	{"an integer becomes a number", "counted from 1.\n          type: integer", "counted from 1.\n          type: number"},
	{"a mark of personal data is none", "x-personal: file", "x-personal: none"},
	{"null is no longer allowed", "          type: [string, 'null']\n          x-personal: file", "          type: string\n          x-personal: file"},
	{"null becomes allowed", "Only `true` was seen.\n          type: boolean", "Only `true` was seen.\n          type: [boolean, 'null']"},
	{"a format is gone", "description: Identifies the conversation.\n          type: string\n          format: uuid", "description: Identifies the conversation.\n          type: string"},
	{"a time is a string", "as a time, never as a string.\n          type: string\n          format: date-time", "as a time, never as a string.\n          type: string"},
	{"a time is a date", "as a time, never as a string.\n          type: string\n          format: date-time", "as a time, never as a string.\n          type: string\n          format: date"},
	{"a branch of the union is gone", "        - $ref: '#/components/schemas/NoMessage'\n", ""},
	{"the union's text is gone", "        - $ref: '#/components/schemas/MessageText'\n", ""},
	{"two branches of the union overlap", "    NoMessage:\n      description: There is no last message.\n      type: 'null'", "    NoMessage:\n      description: There is no last message.\n      type: [string, 'null']"},
	{"a known value is gone", ", navertalktalk", ""},
	{"a known value is misspelled", "[bot, user]", "[Bot, user]"},
	{"an open set is closed", "x-extensible-enum: [in_progress]", "enum: [in_progress]"},
	{"a set knows nothing", "x-extensible-enum: [voice_chat]", "x-extensible-enum: []"},
	{"a path moves", "/api/external/chatbot/{chatbotId}/conversations:", "/api/external/chatbots/{chatbotId}/conversations:"},
	{"a path's parameter is renamed", "name: chatbotId\n", "name: chatbotID\n"},
	{"a query parameter is renamed", "name: limit\n", "name: per_page\n"},
	{"a query parameter is gone", "        - name: state\n          in: query\n          description: |-\n            Presumably returns only conversations in this state: the page shows the name and an example. What is listed\n            without it is assumed to be all. Which parameters gave the sample is not recorded; that it holds `in_progress`\n            alone, and its total, may be this filter's doing.\n          x-evidence: documented\n          schema:\n            $ref: '#/components/schemas/ConversationState'\n          example: in_progress\n", ""},
	{"a query parameter is required", "name: limit\n      in: query\n", "name: limit\n      in: query\n      required: true\n"},
	{"a page can be 0", "only whole numbers from 1 make sense.\n        type: integer\n        minimum: 1", "only whole numbers from 1 make sense.\n        type: integer\n        minimum: 0"},
	{"a page has a largest number", "only whole numbers from 1 make sense.\n        type: integer\n        minimum: 1", "only whole numbers from 1 make sense.\n        type: integer\n        minimum: 1\n        maximum: 3"},
	{"a page can be a word", "only whole numbers from 1 make sense.\n        type: integer\n        minimum: 1", "only whole numbers from 1 make sense.\n        type: string"},
	{"a count can be negative", "at the moment of this answer.\n          type: integer\n          minimum: 0", "at the moment of this answer.\n          type: integer"},
	{"the key's header is renamed", "name: x-api-key", "name: x-api-token"},
	{"no key is needed", "security:\n  - apiKey: []", "security: []"},
	{"failures of one family are gone", "        5XX:\n          $ref: '#/components/responses/Failure'\n", ""},
	{"the answer has another status", "        '200':", "        '201':"},
	{"the answer has another media type", "            application/json:", "            application/hal+json:"},
	{"failures are JSON", "        '*/*':\n          schema:\n            description: Anything at all.\n            x-evidence: assumed\n", ""},
	{"the method changes", "    get:\n      operationId", "    post:\n      operationId"},
	{"an array is an object", "          type: array\n", "          type: object\n"},
	{"a shared rule is not referred to", "        - shared: limit-echo\n", ""},
	{"a rule turns round", "rule: self >= this.created_at", "rule: self <= this.created_at"},
	{"a rule is off by one", "(this.totalCount % this.pageSize == 0 ? 0 : 1)", "1"},
	{"a walk is counted by another parameter", "parameter: page", "parameter: limit"},
	{"what a message requires is not", "        - session_id\n        - sender_type\n        - content\n", "        - sender_type\n        - content\n"},
	{"the state of the list is not required", "          required: [state]\n", ""},
	{"null attachments are not allowed", "type: [array, 'null']", "type: array"},
	{"a key of the company is not personal", "is set. Seen in earlier recordings of the list. A secret:\n            never store or log it.\n          type: [string, 'null']\n          x-personal: token", "is set. Seen in earlier recordings of the list. A secret:\n            never store or log it.\n          type: [string, 'null']"},
	{"the prompt is not personal", "never store or log it.\n          type: string\n          x-personal: text", "never store or log it.\n          type: string"},
	{"messages come newest first", "self >= before[index - 1]", "self <= before[index - 1]"},
	{"messages of another conversation pass", "for: /data/*/session_id\n          rule: self == request.path.sessionId", "for: /data/*/session_id\n          rule: self == self"},
	{"another conversation passes", "for: /session/id\n          rule: self == request.path.sessionId", "for: /session/id\n          rule: self == self"},
	{"an attachment is not personal", "x-personal: file\n          x-evidence: observed\n          examples: [https", "x-evidence: observed\n          examples: [https"},
	{"a mark of personal data is gone", "      x-personal: text\n      x-evidence: observed\n      examples: ['When", "      x-evidence: observed\n      examples: ['When"},
}

// TestEachMutantOfTheContractIsCaught shows that no part of the contract can change unnoticed: each mutant fails to load,
// fails the self-test, or misjudges a recording or an exhibit of the corpus.
func TestEachMutantOfTheContractIsCaught(t *testing.T) {
	inOneGoroutine(t)
	t.Parallel()
	exhibits := makeCorpus(t).list
	survived := 0
	for _, m := range specMutants {
		text := strings.Replace(okchat.OpenAPI(), m.old, m.new, 1)
		if text == okchat.OpenAPI() {
			t.Errorf("%s: the contract has changed: choose another place", m.name)
			continue
		}
		caught := catch(t, text, exhibits)
		if caught == "" {
			survived++
			t.Errorf("%s: survived", m.name)
		}
		if len(caught) > 100 {
			caught = caught[:100] + "…"
		}
		t.Logf("%-45s %s", m.name, caught)
	}
	fmt.Printf("contract mutants: %d, survivors: %d\n", len(specMutants), survived)
}

// catch says which check turns red on a contract, "" where none does.
func catch(t *testing.T, text string, exhibits []exhibit) string {
	c, err := contract.Parse([]byte(text), "openapi.yaml")
	if err != nil {
		return "loading: " + err.Error()
	}
	if _, err := c.SelfTest(); err != nil {
		return "self-test: " + err.Error()
	}
	for _, ex := range all(t) {
		if found := c.Check(ex).Findings; len(found) > 0 {
			return "recordings: " + found[0].String()
		}
	}
	for _, e := range exhibits {
		if why := e.misjudged(c); why != "" {
			return "corpus: " + e.name + ": " + why
		}
	}
	return ""
}
