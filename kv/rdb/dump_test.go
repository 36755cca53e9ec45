package rdb

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// dumpOf makes a dump of a value's type and bytes.
func dumpOf(version uint16, kind byte, body []byte) []byte {
	b := append([]byte{kind}, body...)
	b = binary.LittleEndian.AppendUint16(b, version)
	return binary.LittleEndian.AppendUint64(b, checksum(0, b))
}

func TestDumpsOfOtherVersions(t *testing.T) {
	hash := append(append([]byte{1}, str("f")...), str("v")...)
	expiring := append(append([]byte{1}, append(str("f"), str("v")...)...), 1, 2, 3, 4, 5, 6, 7, 8)
	flipped := dumpOf(9, typeString, str("v"))
	flipped[1] ^= 1
	unsummed := dumpOf(9, typeString, str("v"))
	clear(unsummed[len(unsummed)-8:])
	for what, c := range map[string]struct {
		dump []byte
		want string // the line, or what the error says
		is   error
	}{
		"Redis 5":                   {dumpOf(9, typeString, str("v")), `db0 string "": "v"`, nil},
		"Redis 7.4":                 {dumpOf(12, typeHash, hash), `db0 hash "": "f"="v"`, nil},
		"Redis 8.6":                 {dumpOf(13, typeHash, hash), `db0 hash "": "f"="v"`, nil},
		"Valkey 9":                  {dumpOf(80, typeHash, hash), `db0 hash "": "f"="v"`, nil},
		"Valkey 9, expiring fields": {dumpOf(80, valkeyOwn, expiring), `db0 hash with expiring fields "":`, nil},
		"without a version":         {dumpOf(0, typeString, str("v")), `db0 string "": "v"`, nil},
		"without a checksum":        {unsummed, `db0 string "": "v"`, nil},
		"what we write":             {AppendStringDump(nil, []byte("12345")), `db0 string "": "12345"`, nil},
		"a newer version":           {dumpOf(15, typeString, str("v")), "15 of Redis", ErrVersion},
		"between the two":           {dumpOf(79, typeString, str("v")), "79 of Redis", ErrVersion},
		"a newer version of Valkey": {dumpOf(82, typeString, str("v")), "82 of Valkey", ErrVersion},
		"a newer type":              {dumpOf(13, 26, nil), "type 26", ErrVersion},
		"an unknown type":           {dumpOf(9, 99, nil), "unknown type 99", ErrFormat},
		"a flipped bit":             {flipped, "written was", ErrChecksum},
		"too short":                 {[]byte("123456789"), "9 bytes are no dump", ErrChecksum},
		"no type":                   {dumpOf(9, 0, nil)[1:], "ends after byte 0", ErrFormat},
		"more behind it":            {dumpOf(9, typeString, append(str("v"), 0)), "bytes after the value", ErrFormat},
		"less than it says":         {dumpOf(9, typeString, []byte{5, 'v'}), "it ends", ErrFormat},
	} {
		var got seen
		err := ReadDump(c.dump, &got)
		switch {
		case c.is == nil && (err != nil || len(got.lines) != 1 || got.lines[0] != c.want):
			t.Errorf("%s: %q, %v", what, got.lines, err)
		case c.is != nil && (!errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %v with %q", what, err, c.is, c.want)
		}
	}
}
