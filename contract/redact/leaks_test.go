package redact

import "testing"

func TestWhatStandsForASecretIsNone(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]bool{
		"REDACTED": true, "fake-key-for-tests": true, "<your key>": true, "${OKCHAT_API_KEY}": true, "***": true, "xxxxxxxx": true,
		"test-key-123": true, "my_test_1": true, "": true, "secret": true, "my-api-key": true,
		"made-up-0123456789": false, "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f": false, "contest-0123456789012": false,
		"LongWordsWithoutADigitAreRareButReal": false, "sample-8f7a6b5c4d3e2f1a0b9c8d7e": false, "<YOUR_KEY_FROM_THE_DASHBOARD>": true, "example-0000000000000000": true,
	} {
		if got := isPlaceholder(v); got != want {
			t.Errorf("%q: expected %v, got %v", v, want, got)
		}
	}
}
