package store

import (
	"strings"
	"testing"
)

const straceText = `101 write(7<anon_inode:[eventfd]>, ""..., 8) = 8
101 pwrite64(9</d/wal/1.wal>, ""..., 48, 4096) = 48
101 fdatasync(9</d/wal/1.wal>) = 0
102 write(12<socket:[4711]>, ""..., 900) = 900
102 pwrite64(9</d/wal/1.wal>, ""..., 30, 4144 <unfinished ...>
103 fsync(10</d/meta.db> <unfinished ...>
102 <... pwrite64 resumed>) = 30
103 <... fsync resumed>) = 0
104 write(2</d/s1.log>, ""..., 77) = 77
104 write(5</dev/null>, ""..., 5) = 5
104 write(8</d/full>, ""..., 5) = -1 ENOSPC (No space left on device)
104 writev(8</d/aof>, [{iov_base=""..., iov_len=20}, {iov_base=""..., iov_len=2}], 2) = 22
  5 fdatasync(9</d/wal/1.wal>) = 0
104 +++ exited with 0 +++
`

func TestParseTrace(t *testing.T) {
	got, err := parseTrace(strings.NewReader(straceText))
	if want := (diskCalls{syncs: 3, bytes: 100}); err != nil || got != want {
		t.Errorf("counted %+v, %v; want %+v", got, err, want)
	}
}

func FuzzParseTrace(f *testing.F) {
	f.Add(straceText)
	f.Fuzz(func(t *testing.T, text string) {
		got, _ := parseTrace(strings.NewReader(text))
		if lines := uint64(strings.Count(text, "\n") + 1); got.syncs > lines {
			t.Errorf("%d syncs in %d lines", got.syncs, lines)
		}
	})
}
