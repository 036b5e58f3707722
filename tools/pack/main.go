// Command pack writes a module as a module proxy packs it, into a folder that serves as a file-system proxy:
//
//	pack FOLDER VERSION DIR
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: pack FOLDER VERSION DIR")
	}
	if err := pack(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func pack(folder, version, dir string) error {
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	path := modfile.ModulePath(text)
	escaped, err := module.EscapePath(path)
	if err != nil {
		return err
	}
	to := filepath.Join(dir, escaped, "@v")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(to, version+".zip"))
	if err != nil {
		return err
	}
	// What git does not track is not packed, as a proxy clones.
	if err := zip.CreateFromVCS(archive, module.Version{Path: path, Version: version}, folder, "HEAD", ""); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	for name, content := range map[string]string{
		version + ".mod":  string(text),
		version + ".info": fmt.Sprintf(`{"Version":%q,"Time":%q}`, version, time.Now().UTC().Format(time.RFC3339)),
		"list":            version + "\n",
	} {
		if err := os.WriteFile(filepath.Join(to, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
