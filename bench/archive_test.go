package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	okchatgo "github.com/okchat/okchat-go"
)

var size = metric{"size of the file", func(c cost) float64 { return c.memory }, bytesText}

// command returns a side that runs the command once each round, and how large the file is that it leaves.
func command(b *testing.B, name, file string, server *process, prepare func() error, args ...string) side {
	return side{name, func() (cost, error) {
		if prepare != nil {
			if err := prepare(); err != nil {
				return cost{}, err
			}
		}
		cmd := exec.CommandContext(b.Context(), okchat(), args...)
		cmd.Env = append(os.Environ(), okchatgo.EnvKey+"="+key, okchatgo.EnvBaseURL+"="+server.url)
		return ran(cmd, file)
	}}
}

// ran runs a program and returns what it cost and, as memory, the size of a file that it leaves.
func ran(cmd *exec.Cmd, file string) (cost, error) {
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return cost{}, fmt.Errorf("%s: %w: %.500s", cmd.Args, err, out)
	}
	c := cost{wall: float64(time.Since(start)), cpu: float64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())}
	if info, err := os.Stat(file); err == nil {
		c.memory = float64(info.Size())
	}
	return c, nil
}

// remove returns what removes an archive.
func remove(path string) func() error {
	return func() error {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		return nil
	}
}

// has reports whether a program is there, and says loudly where it is not.
func has(b *testing.B, what, name string) bool {
	_, err := exec.LookPath(name)
	if err != nil {
		skip(b, what, name+" is not installed")
	}
	return err == nil
}

// BenchmarkFiles exports a list to files. The limit of an SQLite file is SQLite in C with the same rows in memory, that of a CSV file is
// NDJSON.
func BenchmarkFiles(b *testing.B) {
	n := rounds(100_000, 20_000)
	server := serve(b, n)
	defer server.stop()
	dir := b.TempDir()
	export := func(ending string) side {
		path := filepath.Join(dir, "x."+ending)
		return command(b, ending, path, server, nil, "export", "--quiet", "--chatbot", bot, "-o", path)
	}
	first := export("sqlite")
	if _, err := first.run(); err != nil {
		b.Fatal(err)
	}
	const with, without = "SQLite in C, raw stored", "SQLite in C, without raw"
	sides := []side{export("ndjson"), export("csv"), first}
	peers := has(b, with, "python3")
	if peers {
		for name, raw := range map[string]string{with: "with", without: "without"} {
			path := filepath.Join(dir, raw+".sqlite")
			sides = append(sides, side{name, func() (cost, error) {
				if err := remove(path)(); err != nil {
					return cost{}, err
				}
				peer := exec.CommandContext(b.Context(), "python3", "peers/sqlite.py", filepath.Join(dir, "x.sqlite"), path, raw)
				out, err := peer.Output()
				if err != nil {
					return cost{}, err
				}
				ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
				return cost{wall: ns, cpu: float64(peer.ProcessState.UserTime() + peer.ProcessState.SystemTime())}, err
			}})
		}
	}
	r := pair(b, fmt.Sprintf("export %d conversations", n), rounds(7, 3), sides...)
	r.claim(size, "sqlite", "ndjson", 1/1.5)
	r.show(wall, "csv", "ndjson", 1/1.15)
	r.show(cpu, "csv", "ndjson", 1/1.15)
	if peers {
		r.show(wall, "sqlite", with, 1/1.3)
		r.show(wall, "sqlite", without, 0)
	}
}

// BenchmarkUpdate brings an archive up to date: from nothing, and from a list without news. The limits are the export of a new file, and a
// walk that discards what comes.
func BenchmarkUpdate(b *testing.B) {
	n := rounds(100_000, 20_000)
	server := serve(b, n)
	defer server.stop()
	dir := b.TempDir()
	path, begun := filepath.Join(dir, "a.sqlite"), filepath.Join(dir, "b.sqlite")
	update := []string{"export", "--quiet", "--chatbot", bot, "--update"}
	const again, first, whole, discard = "without news", "from nothing", "a new file", "a walk that discards"
	client := newOurs(server.url, nil)
	r := pair(b, fmt.Sprintf("--update of %d conversations", n), rounds(7, 3),
		command(b, again, path, server, nil, append(update, path)...),
		command(b, first, begun, server, remove(begun), append(update, begun)...),
		command(b, whole, "", server, nil, "export", "--quiet", "--chatbot", bot, "-o", filepath.Join(dir, "c.sqlite")),
		side{discard, func() (cost, error) {
			return work(1, func() error { return walk(client, n, okchatgo.ListOptions{Limit: 100, ReadAhead: 4}) })
		}})
	r.show(wall, again, discard, 1/1.5)
	r.show(cpu, again, discard, 0)
	r.show(wall, first, whole, 1/1.5)
	r.show(cpu, first, whole, 1/1.5)
}

// BenchmarkReadArchive reads an archive. The limit is one query in SQLite's shell, and the start of the command.
func BenchmarkReadArchive(b *testing.B) {
	const shell = "sqlite3 and the start"
	if !has(b, "read an archive", "sqlite3") {
		return
	}
	n := rounds(100_000, 20_000)
	server := serve(b, n)
	defer server.stop()
	path := filepath.Join(b.TempDir(), "a.sqlite")
	if _, err := command(b, "", "", server, nil, "export", "--quiet", "--chatbot", bot, "-o", path).run(); err != nil {
		b.Fatal(err)
	}
	const id = "e220a839"
	for _, tt := range []struct {
		name, query string
		args        []string
	}{
		{"stats --archive", `SELECT substr(created_at, 1, 10) AS day, count(*) FROM conversations WHERE gone_at IS NULL GROUP BY day;
			SELECT platform, count(*) FROM conversations WHERE gone_at IS NULL GROUP BY 1;
			SELECT state, count(*), sum(active), sum(is_human_mode) FROM conversations WHERE gone_at IS NULL GROUP BY 1`, []string{"stats", "--archive", path}},
		{"list --archive", "SELECT count(*) FROM conversations WHERE gone_at IS NULL; SELECT raw FROM conversations WHERE gone_at IS NULL ORDER BY created_at DESC, n LIMIT 20",
			[]string{"list", "--archive", path}},
		{"show --archive", "SELECT raw FROM conversations WHERE id >= '" + id + "' AND id < '" + id + "g'", []string{"show", id, "--archive", path}},
		{"search --archive", "SELECT id, last_message FROM conversations WHERE instr(lower(last_message), 'nowhere to be found') > 0 ORDER BY coalesce(updated_at, created_at) DESC",
			[]string{"search", "nowhere to be found", "--archive", path}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			r := pair(b, fmt.Sprintf("%s, %d conversations", tt.name, n), rounds(15, 5),
				command(b, ours, "", server, nil, tt.args...),
				side{shell, func() (cost, error) {
					query, err := ran(exec.CommandContext(b.Context(), "sqlite3", path, tt.query), "")
					if err != nil {
						return cost{}, err
					}
					start, err := ran(exec.CommandContext(b.Context(), okchat(), "version"), "")
					return cost{wall: query.wall + start.wall, cpu: query.cpu + start.cpu}, err
				}})
			r.show(wall, ours, shell, 1/1.3)
			r.show(cpu, ours, shell, 1/1.3)
		})
	}
}
