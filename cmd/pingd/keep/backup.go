package keep

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/kv/backup"
	"pingd/kv/client"
	"pingd/kv/engine/keyspace"
)

// stdoutName is the file name that stands for standard output, or input.
const stdoutName = "-"

// Backup writes a backup of the cluster to the file that cmd names.
func Backup(ctx context.Context, c *client.Client, cmd config.Command, std Streams) (err error) {
	out, err := create(cmd.Path, std.Out)
	if err != nil {
		return err
	}
	defer out.abort()
	from, err := c.Backup(ctx, cmd.Stale)
	if err != nil {
		return err
	}
	defer from.Close()
	told := newProgress(std.Err, "backup")
	w := bufio.NewWriterSize(out, 256<<10)
	keys := 0
	if cmd.Format == config.FormatRDB {
		keys, err = backup.ToRDB(w, told.reader(from))
	} else {
		// Read back while it is written: what is kept is known to be whole.
		_, _, err = backup.Read(io.TeeReader(told.reader(from), w), func(keyspace.Stored) error {
			keys++
			return nil
		})
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = out.commit()
	}
	if err != nil {
		return fmt.Errorf("write backup to %s: %w", cmd.Path, errors.Join(err, ctx.Err()))
	}
	told.done("%d keys", keys)
	return nil
}

// progress tells how far something is, for people who wait.
type progress struct {
	w       io.Writer
	what    string
	bytes   int64
	started time.Time
	told    time.Time
}

// progressEvery is the time between two lines.
const progressEvery = 2 * time.Second

func newProgress(w io.Writer, what string) *progress {
	now := time.Now()
	return &progress{w: w, what: what, started: now, told: now}
}

// add counts bytes.
func (p *progress) add(n int) {
	p.bytes += int64(n)
	if now := time.Now(); now.Sub(p.told) >= progressEvery {
		p.told = now
		fmt.Fprintf(p.w, "pingd: %s: %s\n", p.what, p.amount())
	}
}

func (p *progress) amount() string {
	took := time.Since(p.started)
	return fmt.Sprintf("%.1f MB in %s, %.1f MB/s", float64(p.bytes)/1e6, took.Round(100*time.Millisecond), float64(p.bytes)/1e6/max(took.Seconds(), 1e-3))
}

// done tells the end.
func (p *progress) done(format string, args ...any) {
	fmt.Fprintf(p.w, "pingd: %s done: %s, %s\n", p.what, fmt.Sprintf(format, args...), p.amount())
}

// reader returns r, counted.
func (p *progress) reader(r io.Reader) io.Reader { return countedReader{r, p} }

type countedReader struct {
	io.Reader
	p *progress
}

func (c countedReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.add(n)
	return n, err
}
