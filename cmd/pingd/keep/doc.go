// Package keep is the subcommands that are about data in files: backup, restore, check
// and recover. None of them leaves half of what it was to do without saying so: a
// backup is there whole or not at all, a file to restore is read to its end before
// anything is changed, and a majority is given up only by somebody who was told what
// that means.
package keep

import "io"

// Streams are where a subcommand reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer // Out: what was asked for; Err: what is told beside it
}
