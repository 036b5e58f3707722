package sqlite

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/okchattest"
)

func TestTheServerAndTheArchiveCountTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine asks again and again")
	}
	for _, n := range []int{0, 1, 2500} {
		srv, client := serve(t, okchattest.Synthetic(1, n))
		path := filepath.Join(t.TempDir(), "a.sqlite")
		opts := okchat.ListOptions{Limit: 100}
		update(t, path, srv.ChatbotID, client, opts, false)
		for range min(n, 40) {
			c, _ := srv.At(srv.Len() / 2)
			srv.Remove(c.ID)
		}
		update(t, path, srv.ChatbotID, client, opts, false)
		s, err := Read(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		seoul, err := time.LoadLocation("Asia/Seoul")
		if err != nil {
			t.Fatal(err)
		}
		for _, zone := range []*time.Location{nil, seoul} {
			want, err := archive.NewStats(t.Context(), client, srv.ChatbotID, opts, zone)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Stats(t.Context(), opts, archive.Filter{}, zone)
			if err != nil {
				t.Fatal(err)
			}
			if late := want.AsOf.Sub(got.AsOf); late < 0 || late > time.Hour {
				t.Errorf("the archive is as of %v, the server of %v", got.AsOf, want.AsOf)
			}
			want.AsOf = got.AsOf
			if !reflect.DeepEqual(got, want) || got.Total != srv.Len() {
				t.Errorf("of %d in %v, the archive counts\n%+v, the server\n%+v", n, zone, got, want)
			}
			sum := 0
			for _, day := range got.PerDay {
				sum += day.Conversations
			}
			if sum != got.Total {
				t.Errorf("the days sum up to %d, expected %d", sum, got.Total)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTheMessagesOfAnArchiveAreCounted(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine asks again and again")
	}
	srv, client := serve(t, okchattest.Synthetic(3, 300))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{Parallel: 8}); err != nil {
		t.Fatal(err)
	}
	srv.AddNew(1)
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false) // one whose messages are not read does not count
	want := archive.NewCounter(srv.ChatbotID, time.Time{}, nil)
	for i := 1; i < srv.Len(); i++ {
		conv, _ := srv.At(i)
		var sent []archive.Sent
		for _, m := range srv.Messages(conv.ID) {
			sent = append(sent, archive.Sent{At: m.CreatedAt, Sender: m.SenderType})
		}
		want.AddMessages(sent, conv.IsHumanMode)
	}
	s, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Stats(t.Context(), okchat.ListOptions{}, archive.Filter{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Messages, want.Stats().Messages) || got.Messages.Conversations != 300 || got.Messages.Answered == 0 {
		t.Errorf("the archive counts\n%+v, expected\n%+v", got.Messages, want.Stats().Messages)
	}
}
