package backup

import (
	"fmt"
	"io"
	"strconv"

	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
	"pingd/kv/rdb"
)

// ToRDB reads a backup from r and writes its keys to w as an RDB file that Redis
// 5.0 and newer load, and returns how many keys that were. Redis leaves out those
// whose time is over when it loads them. Errors: those of Read and of w.
func ToRDB(w io.Writer, r io.Reader) (keys int, err error) {
	out := rdb.NewWriter(w, "redis-ver", "7.0.15", "redis-bits", strconv.Itoa(strconv.IntSize))
	_, _, err = Read(r, func(k keyspace.Stored) error {
		switch v := k.Value.(type) {
		case *value.Number, *value.Text:
			var buf [20]byte
			out.String(uint64(k.DB), k.Name, k.ExpireAt, value.Bytes(v, buf[:]))
		case *value.Hash:
			out.Hash(uint64(k.DB), k.Name, k.ExpireAt, uint64(v.Len()))
			v.Each(func(f *value.Field) { out.Field([]byte(f.Name()), f.Value()) })
		default:
			return fmt.Errorf("write RDB file: key %.100q is a %s, which cannot be written yet", k.Name, v.Type())
		}
		keys++
		return out.Err()
	})
	if err != nil {
		return keys, err
	}
	return keys, out.Close()
}
