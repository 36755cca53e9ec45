package backup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"pingd/kv/engine/bulk"
	"pingd/kv/engine/keyspace"
	"pingd/kv/rdb"
)

// Ignore tells of a key that it is to be passed over as if the file did not have it.
type Ignore func(db uint8, name []byte, expireAt int64) bool

// none is an Ignore that ignores nothing.
func none(uint8, []byte, int64) bool { return false }

// Verify reads a backup or an RDB file to its end and reports what is in it, but for
// what ignore, unless it is nil, passes over. It keeps nothing. Errors: those of
// Read, and of rdb.Read.
func Verify(r io.Reader, ignore Ignore) (*Report, error) {
	report := newReport(time.Now())
	counted := &counter{r: r}
	err := walk(counted, report, ignore, report.count, report.refuse)
	report.Bytes = counted.n
	report.finish()
	return report, err
}

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// walk reads either format and hands on its parts.
func walk(r io.Reader, report *Report, ignore Ignore, to func(part) error, skip func(rdb.Key) error) error {
	if ignore == nil {
		ignore = none
	}
	emit := func(p part) error {
		if ignore(p.db, p.name, p.expireAt) {
			return nil
		}
		return to(p)
	}
	in := bufio.NewReaderSize(r, 64<<10)
	first, err := in.Peek(len(magic))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("read backup: %w", err)
	case bytes.HasPrefix(first, []byte("REDIS")), bytes.HasPrefix(first, []byte("VALKEY")):
		report.RDB, err = rdb.Read(in, &builder{emit: emit, skip: skip})
		return err
	case string(first) != magic:
		return fmt.Errorf("%w: it is neither a backup of pingd nor an RDB file of Redis or Valkey", ErrFormat)
	}
	report.Backup = true
	report.Head, _, err = Read(in, func(k keyspace.Stored) error {
		return parts(k.DB, k.Name, k.ExpireAt, k.Value, emit)
	})
	return err
}

// ErrLate is what send tells Load of an ordered payload of which the store left out a
// value, because its time was over.
var ErrLate = errors.New("the time of a value is over")

// Load reads a file that Verify found intact and hands its keys on as payloads of
// PINGD.LOAD (package bulk), each of about a MiB. ordered says that a payload goes
// on with a value that an earlier one began: it must be applied after those before
// it. The payload is send's to keep.
//
// A value of several payloads that ends at some time begins with an ordered one of its
// own. If send answers that with ErrLate the rest is left out: it would be added to
// whatever the store holds under that name.
func Load(r io.Reader, ignore Ignore, send func(payload []byte, ordered bool) error) error {
	var p bulk.Payload
	ordered, late := false, false
	deliver := func() error {
		if p.Len() == 0 {
			return nil
		}
		err := send(append([]byte(nil), p.Bytes()...), ordered)
		p.Reset()
		ordered = false
		return err
	}
	flush := func() error {
		if err := deliver(); !errors.Is(err, ErrLate) { // of a small value: nothing follows
			return err
		}
		return nil
	}
	begin := func(v part) error { // a value that may have further parts, and ends
		if err := flush(); err != nil {
			return err
		}
		p.Key(v.db, v.name, v.expireAt, v.val)
		ordered = true
		err := deliver()
		if late = errors.Is(err, ErrLate); late {
			return nil
		}
		return err
	}
	add := func(v part) error {
		if v.first {
			late = false
			if v.expireAt != 0 && v.val.Size() >= partSize {
				return begin(v)
			}
		} else if late {
			return nil
		}
		if p.Len()+v.val.Size() > 2*partSize { // a large element travels alone
			if err := flush(); err != nil {
				return err
			}
		}
		if v.first {
			p.Key(v.db, v.name, v.expireAt, v.val)
		} else {
			p.More(v.db, v.name, v.val)
			ordered = true
		}
		if p.Len() >= partSize {
			return flush()
		}
		return nil
	}
	if err := walk(r, newReport(time.Time{}), ignore, add, func(rdb.Key) error { return nil }); err != nil {
		return err
	}
	return flush()
}
