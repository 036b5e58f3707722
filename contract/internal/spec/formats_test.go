package spec

import "testing"

func TestFormatsAreCheckedToTheLetter(t *testing.T) {
	t.Parallel()
	for format, values := range map[string]struct{ good, bad []string }{
		"uuid": {
			good: []string{
				"5afe16ed-5fd2-4552-a993-903bc9c32bb6", "5AFE16ED-5FD2-4552-A993-903BC9C32BB6",
				"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "01890a5d-ac96-774b-bcce-b302099a8057",
			},
			bad: []string{
				"", "5afe16ed-5fd2-4552-a993-903bc9c32bb", "{5afe16ed-5fd2-4552-a993-903bc9c32bb6}", "5afe16ed5fd24552a993903bc9c32bb6",
				"5afe16ed-5fd2-4552-a993-903bc9c32bbg", "5afe16ed-5fd2-4552-a993_903bc9c32bb6", "5afe16ed-5fd2-4552-a993-903bc9c32bb6\n",
			},
		},
		"date-time": {
			good: []string{
				"2025-03-07T04:56:09.200005+00:00", "2025-03-07T04:56:09Z", "2025-03-07t04:56:09z", "2025-03-07T04:56:09.1-09:30",
				"2024-02-29T23:59:59.999999999+23:59", "2000-02-29T00:00:00Z", "2016-12-31T23:59:60Z", "2016-12-31T18:59:60-05:00",
				"2017-01-01T08:59:60.5+09:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
			},
			bad: []string{
				"", "Z", "2025-03-07", "2025-03-07T04:56:09", "2025-03-07T04:56Z", "2025-03-07 04:56:09Z", "2025-3-07T04:56:09Z", "2025-03-07T4:56:09Z",
				"2025-02-30T04:56:09Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2025-00-10T00:00:00Z", "2025-13-01T00:00:00Z",
				"2025-01-00T00:00:00Z", "2025-01-32T00:00:00Z", "2025-03-07T24:00:00Z", "2025-03-07T04:60:00Z", "2025-03-07T04:56:61Z",
				"2025-03-07T04:56:60Z", "2016-12-31T23:59:60+01:00", "2025-03-07T04:56:09,5Z", "2025-03-07T04:56:09.Z",
				"2025-03-07T04:56:09+0000", "2025-03-07T04:56:09+00", "2025-03-07T04:56:09+24:00", "2025-03-07T04:56:09+00:60",
				"2025-03-07T04:56:09.5", "2025-03-07T04:56:09Zz", "20250307T045609Z", "1741323369",
			},
		},
	} {
		for _, value := range values.good {
			if !formats[format](value) {
				t.Errorf("%s: expected %q to be in the format", format, value)
			}
		}
		for _, value := range values.bad {
			if formats[format](value) {
				t.Errorf("%s: expected %q not to be in the format", format, value)
			}
		}
	}
}
