package boltfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// options of both kinds of files that the store has.
var options = map[string]*bbolt.Options{
	"without a list of free pages": {Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType},
	"with a list of free pages":    {Timeout: time.Second},
}

// build fills a database with many transactions of all kinds, so that it has
// branches, long values, free pages and buckets small enough to lie in a value.
func build(t testing.TB, opts *bbolt.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, opts)
	if err != nil {
		t.Fatal(err)
	}
	db.NoSync = true
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		err := db.Update(func(tx *bbolt.Tx) error {
			for _, name := range []string{"logs", "conf"} {
				b, err := tx.CreateBucketIfNotExists([]byte(name))
				if err != nil {
					return err
				}
				if name == "conf" {
					if err := b.Put([]byte("CurrentTerm"), fmt.Append(nil, r.IntN(100))); err != nil {
						return err
					}
					continue
				}
				for range 10 {
					key := fmt.Appendf(nil, "%06d", r.IntN(300))
					if r.IntN(3) == 0 {
						err = b.Delete(key)
					} else {
						err = b.Put(key, bytes.Repeat([]byte{byte(r.IntN(256))}, r.IntN(400)))
					}
					if err != nil {
						return err
					}
				}
				if err := b.Put([]byte("long"), bytes.Repeat([]byte("l"), 9000)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// walked lists what Walk finds.
func walked(b []byte) (pairs []string, err error) {
	err = Walk(bytes.NewReader(b), int64(len(b)), func(bucket, key, value []byte) error {
		pairs = append(pairs, fmt.Sprintf("%s/%q=%x", bucket, key, value))
		return nil
	})
	return pairs, err
}

// opened lists what bbolt itself finds; a panic or a fault is an error.
func opened(path string, opts *bbolt.Options) (pairs []string, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bbolt panics: %v", p)
		}
	}()
	db, err := bbolt.Open(path, 0o600, opts)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				pairs = append(pairs, fmt.Sprintf("%s/%q=%x", name, k, v))
				return nil
			})
		})
	})
	return pairs, err
}

func TestWalkAgreesWithBbolt(t *testing.T) {
	for name, opts := range options {
		t.Run(name, func(t *testing.T) {
			path := build(t, opts)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := walked(b)
			if err != nil {
				t.Fatal(err)
			}
			want, err := opened(path, opts)
			if err != nil || !slices.Equal(got, want) || len(got) < 100 {
				t.Errorf("%d pairs, bbolt has %d, %v", len(got), len(want), err)
			}
		})
	}
}

// TestFlips flips bits all over a file. Where Walk finds nothing wrong, bbolt must
// open the file and see what Walk saw.
func TestFlips(t *testing.T) {
	for name, opts := range options {
		t.Run(name, func(t *testing.T) {
			path := build(t, opts)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			before, err := walked(good)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(5, 6))
			bad := slices.Clone(good)
			found, harmless, content := 0, 0, 0
			for range 1200 {
				// Half of the flips hit the heads of pages and their elements.
				at := r.IntN(len(good))
				if r.IntN(2) == 0 {
					at = at/4096*4096 + r.IntN(200)
				}
				bit := byte(1) << r.IntN(8)
				bad[at] ^= bit
				got, err := walked(bad)
				switch {
				case errors.Is(err, ErrDamaged):
					found++
				case err != nil:
					t.Fatalf("byte %d: unexpected kind of error: %v", at, err)
				case at < 2*4096 && at%4096 < pageHead+headFields && !slices.Contains([]int{10, 11, 12, 13, 14, 15}, at%4096):
					t.Fatalf("a flip in byte %d, within a head, was not found", at)
				default:
					if err := os.WriteFile(path, bad, 0o600); err != nil {
						t.Fatal(err)
					}
					seen, err := opened(path, opts)
					if err != nil || !slices.Equal(got, seen) {
						t.Fatalf("byte %d: Walk finds nothing wrong and %d pairs; bbolt has %d, %v", at, len(got), len(seen), err)
					}
					if harmless++; !slices.Equal(got, before) {
						content++
					}
				}
				bad[at] ^= bit
			}
			t.Logf("%d found, %d accepted, %d of them within keys and values", found, harmless, content)
			if found < 100 {
				t.Errorf("only %d flips were found", found)
			}
		})
	}
}

func TestCutAndEmpty(t *testing.T) {
	b, err := os.ReadFile(build(t, options["with a list of free pages"]))
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 20_000; n += 97 {
		if _, err := walked(b[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if pairs, err := walked(nil); err != nil || len(pairs) > 0 {
		t.Errorf("an empty file: %v, %v", pairs, err)
	}
	if _, err := walked(bytes.Repeat([]byte("no database"), 5000)); !errors.Is(err, ErrDamaged) {
		t.Errorf("another file: %v", err)
	}
	stop := errors.New("stop")
	if err := Walk(bytes.NewReader(b), int64(len(b)), func(_, _, _ []byte) error { return stop }); err != stop {
		t.Errorf("an error of visit: %v", err)
	}
	if err := Walk(failing{bytes.NewReader(b)}, int64(len(b)), nil); !errors.Is(err, io.ErrNoProgress) || errors.Is(err, ErrDamaged) {
		t.Errorf("a disk that fails: %v", err)
	}
}

// failing is a file whose third page cannot be read.
type failing struct{ *bytes.Reader }

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if at >= 2*4096 {
		return 0, io.ErrNoProgress
	}
	return f.Reader.ReadAt(p, at)
}

func FuzzWalk(f *testing.F) {
	for _, opts := range options {
		b, err := os.ReadFile(build(f, opts))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 64<<10)], uint16(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16, with byte) {
		if int(at) < len(b) {
			b[at] ^= with
		}
		if _, err := walked(b); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatalf("unexpected kind of error: %v", err)
		}
	})
}
