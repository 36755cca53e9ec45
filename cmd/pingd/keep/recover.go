package keep

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/kv/backup"
	"pingd/kv/replica"
	"pingd/kv/replica/logstore"
)

// recoverText is what everybody must have read before a majority is given up.
const recoverText = `
What may be lost: every write that a majority acknowledged without this node, that is, after the entry above. This
node cannot know whether there are any.
What may appear: the last entries may never have been acknowledged to anybody; from now on they count.

Before you go on:
  - Is the majority really lost? Two of three nodes that can be started again lose nothing. Try that first.
  - Do several nodes survive? Run "pingd recover" on each, and go on with the one whose last entry has the highest
    term, and among those the highest number.
  - Keep a copy of this directory: cp -a %[1]s %[1]s.before
  - The other nodes of the old cluster must never be started again with the data they have: give them empty ones.
`

// Recover makes a stopped node a cluster of its own, or tells what that would
// mean.
func Recover(o config.Options, log *slog.Logger, std Streams) error {
	confirmed := o.Command.Confirm != ""
	s, err := replica.Recover(o.Data, o.Name, confirmed, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "node %s in %s, of cluster %s\n", o.Name, o.Data, s.Cluster)
	fmt.Fprintf(std.Out, "  members     %s\n", strings.Join(s.Members, ", "))
	fmt.Fprintf(std.Out, "  last entry  term %d, number %d%s\n", s.Term, s.Index, writtenAt(s.Written))
	fmt.Fprintf(std.Out, "  data        %d keys\n", s.Keys)
	if !confirmed {
		fmt.Fprintf(std.Out, recoverText, o.Data)
		return fmt.Errorf("nothing was changed\nhint: to go on with %s alone: pingd recover --data=%s --name=%[1]s --confirm=%[1]s", o.Name, o.Data)
	}
	fmt.Fprintf(std.Out, "%s is a cluster of its own now. Start it with the flags it had. Start further nodes with empty data\n"+
		"directories and --join to it; they get everything from there.\n", o.Name)
	return nil
}

func writtenAt(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", written " + t.Format(time.RFC3339)
}

// Check tells whether a data directory, or a backup, is intact.
func Check(path string, std Streams) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	if !info.IsDir() {
		return checkFile(path, std)
	}
	r, err := logstore.Check(path)
	if r.Kind != "" {
		fmt.Fprintf(std.Out, "%s: term %d, cluster %s\n", path, r.Term, cmp.Or(r.Cluster, "-"))
		fmt.Fprintf(std.Out, "  log        %s, entries %d to %d\n", r.Kind, r.First, r.Last)
		if r.Rest {
			fmt.Fprintln(std.Out, "             behind it, the rest of a write that a crash cut short; the next start clears it")
		}
		for _, s := range r.Snapshots {
			fmt.Fprintf(std.Out, "  snapshot   up to entry %d, %d bytes%s\n", s.Index, s.Bytes, damage(s.Err))
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Out, "intact")
	return nil
}

func damage(err error) string {
	if err == nil {
		return ""
	}
	return ": damaged"
}

// checkFile reads a backup, or an RDB file, to its end.
func checkFile(path string, std Streams) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	defer f.Close()
	told := newProgress(std.Err, "check")
	report, err := backup.Verify(told.reader(io.Reader(f)), nil)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	fmt.Fprintf(std.Out, "%s: %s\nit holds %s\n", path, report.Origin(), report.Contents())
	for _, line := range report.UnsupportedList() {
		fmt.Fprintln(std.Out, "the store has no place for "+line)
	}
	fmt.Fprintln(std.Out, "intact")
	return nil
}
