package head

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Hour is the length of a file in seconds.
const Hour = 3600

// KindBlock is the kind of frames that hold a Block; the others are the caller's.
const KindBlock byte = 1

const (
	frameHead = 5
	frameTail = 4
	maxFrame  = 16 << 20
)

var table = crc32.MakeTable(crc32.Castagnoli)

// Log is the log of a directory, to which one process appends. Create it with Open.
// Not for concurrent use.
type Log struct {
	dir   string
	hour  int64 // start of the open file; 0 = none is open
	file  *os.File
	size  int64 // of the open file, up to its last whole frame
	dirty bool  // something was appended since the last Sync
	enc   encoder
	buf   []byte
}

// Open returns the log in dir, which exists. It opens no file yet.
func Open(dir string) *Log { return &Log{dir: dir} }

func (l *Log) path(hour int64) string {
	return filepath.Join(l.dir, "head-"+strconv.FormatInt(hour, 10)+".log")
}

// Hours lists the starts of the hours there are files of, oldest first.
func (l *Log) Hours() ([]int64, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("list the log in %s: %w", l.dir, err)
	}
	var hours []int64
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), "head-")
		if name, isLog := strings.CutSuffix(name, ".log"); ok && isLog {
			if h, err := strconv.ParseInt(name, 10, 64); err == nil {
				hours = append(hours, h)
			}
		}
	}
	slices.Sort(hours)
	return hours, nil
}

// AppendBlock appends a block to the file of the hour it begins in.
func (l *Log) AppendBlock(b *Block) error {
	l.buf = l.enc.append(l.buf[:0], b)
	return l.Append(b.Start, KindBlock, l.buf)
}

// Append appends a frame to the file of the hour that unix second now is in. If it
// fails nothing of the frame stays.
func (l *Log) Append(now int64, kind byte, payload []byte) error {
	if len(payload) > maxFrame {
		return fmt.Errorf("append to the log: a frame of %d bytes, at most %d", len(payload), maxFrame)
	}
	if err := l.use(now - now%Hour); err != nil {
		return err
	}
	frame := make([]byte, 0, frameHead+len(payload)+frameTail)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(payload)))
	frame = append(append(frame, kind), payload...)
	frame = binary.LittleEndian.AppendUint32(frame, crc32.Checksum(frame[frameHead-1:], table))
	if n, err := l.file.WriteAt(frame, l.size); err != nil {
		if n > 0 {
			err = errors.Join(err, l.file.Truncate(l.size)) // a disk that is full took a part
		}
		return fmt.Errorf("append to the log: %w", err)
	}
	l.size += int64(len(frame))
	l.dirty = true
	return nil
}

// use opens the file of that hour, and cuts a torn frame off its end.
func (l *Log) use(hour int64) error {
	if l.file != nil && l.hour == hour {
		return nil
	}
	if err := l.closeFile(); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path(hour), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	size, err := read(f, func(byte, []byte) error { return nil })
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open the log %s: %w", f.Name(), err), f.Close())
	}
	l.file, l.hour, l.size = f, hour, size
	return nil
}

// Sync puts what was appended on the disk: one fsync, or none if nothing was.
func (l *Log) Sync() error {
	if !l.dirty {
		return nil
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	l.dirty = false
	return nil
}

// Read calls fn for each whole frame of an hour's file, in their order, until one
// is torn or fn fails. A file that is not there has none.
func (l *Log) Read(hour int64, fn func(kind byte, payload []byte) error) error {
	f, err := os.Open(l.path(hour))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	defer f.Close()
	_, err = read(f, fn)
	return err
}

// read returns the size up to the end of the last whole frame.
func read(f io.ReadSeeker, fn func(kind byte, payload []byte) error) (size int64, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(f, 64<<10)
	var head [frameHead]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return size, ended(err)
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxFrame {
			return size, nil
		}
		body, err := io.ReadAll(io.LimitReader(in, int64(n)+frameTail)) // no more than there is
		if err != nil {
			return size, err
		}
		if len(body) < int(n)+frameTail {
			return size, nil
		}
		payload, sum := body[:n], body[n:]
		crc := crc32.Update(crc32.Checksum(head[frameHead-1:], table), table, payload)
		if crc != binary.LittleEndian.Uint32(sum) {
			return size, nil
		}
		if err := fn(head[frameHead-1], payload); err != nil {
			return size, err
		}
		size += frameHead + int64(n) + frameTail
	}
}

// ended says nothing where a file ends, torn or not.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// Remove deletes an hour's file.
func (l *Log) Remove(hour int64) error {
	if l.file != nil && l.hour == hour {
		l.dirty = false
		if err := l.closeFile(); err != nil {
			return err
		}
	}
	if err := os.Remove(l.path(hour)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove from the log: %w", err)
	}
	return nil
}

// closeFile closes the open file; what was not synced is left to the kernel.
func (l *Log) closeFile() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file, l.hour, l.size, l.dirty = nil, 0, 0, false
	if err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}

// Close syncs and closes the log. It may be used again afterwards.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.Sync(), l.closeFile())
}

// Has reports whether there is a file of the hour that unix second now is in.
func (l *Log) Has(now int64) bool {
	hour := now - now%Hour
	if l.file != nil && l.hour == hour {
		return true
	}
	_, err := os.Stat(l.path(hour))
	return err == nil
}
