// Package recordings holds responses of the conversations endpoint as HAR 1.2 files, for tests and demos.
//
// Only page-1.har comes from the vendor: its body is the sample of the public reference page, unaltered. Every other
// entry is made up and says so, for people in its comment, for machines in its member "_synthetic".
package recordings

import (
	"embed"
	"io/fs"
)

//go:embed *.har
var files embed.FS

// FS returns the recordings, one .har file each, at the root of a read-only file system. page-1.har and page-2.har are
// the two pages of one list.
func FS() fs.FS { return files }
