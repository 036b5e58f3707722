package okchattest

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func BenchmarkPageOf100(b *testing.B) {
	for name, page := range map[string]string{"first": "1", "the 10,000th": "10000"} {
		b.Run(name, func(b *testing.B) {
			f := New(Synthetic(1, 1_000_000))
			r := httptest.NewRequest(http.MethodGet, "/api/external/chatbot/"+f.ChatbotID+"/conversations?limit=100&page="+page, nil)
			r.Header.Set(keyHeader, f.Key)
			b.ReportAllocs()
			rec := httptest.NewRecorder()
			f.ServeHTTP(rec, r)
			b.SetBytes(int64(rec.Body.Len()))
			for b.Loop() {
				w := discard{http.Header{}}
				f.ServeHTTP(w, r)
			}
		})
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
