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
