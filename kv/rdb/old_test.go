package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

// ziplist makes one of entries that are encoded already, without the length before.
func ziplist(entries ...[]byte) []byte {
	body, before := []byte(nil), 0
	for _, e := range entries {
		if before < 254 {
			body = append(body, byte(before))
		} else {
			body = binary.LittleEndian.AppendUint32(append(body, 254), uint32(before))
		}
		body = append(body, e...)
		before = len(e) + 1
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(11+len(body)))
	b = binary.LittleEndian.AppendUint32(b, uint32(10))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
	return append(append(b, body...), 255)
}

// listpack makes one of elements that are encoded already, without the length
// behind.
func listpack(elements ...[]byte) []byte {
	var body []byte
	for _, e := range elements {
		body = append(body, e...)
		body = append(body, make([]byte, backLength(len(e)))...) // not looked at
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(7+len(body)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(elements)))
	return append(append(b, body...), 255)
}

func key(kind byte, name string, value []byte) []byte {
	return append(append([]byte{kind}, str(name)...), value...)
}

// TestOldAndNewForms reads what the Redis at hand does not write: forms of older
// and of newer versions.
func TestOldAndNewForms(t *testing.T) {
	zl := ziplist([]byte{2, 'a', 'b'}, []byte{0xf1}, []byte{0xfd}, []byte{0xfe, 0x80}, []byte{0xc0, 0x00, 0x80}, []byte{0xf0, 0x00, 0x00, 0x80},
		[]byte{0xd0, 0, 0, 0, 0x80}, []byte{0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80},
		append([]byte{0x40 | 1, 0x2c}, bytes.Repeat([]byte{'m'}, 300)...), append([]byte{0x80, 0, 0, 0, 2}, "xy"...))
	zlText := ` "ab"="0" "12"="-128" "-32768"="-8388608" "-2147483648"="-9223372036854775808" "` + strings.Repeat("m", 300) + `"="xy"`
	lp := listpack([]byte{0x82, 'a', 'b'}, []byte{127}, []byte{0xdf, 0xff}, []byte{0xcf, 0xff}, []byte{0xf1, 0xff, 0x7f}, []byte{0xf2, 0, 0, 0x80},
		[]byte{0xf3, 0, 0, 0, 0x80}, []byte{0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80},
		append([]byte{0xe1, 0x2c}, bytes.Repeat([]byte{'m'}, 300)...), append([]byte{0xf0, 2, 0, 0, 0}, "xy"...))
	lpText := ` "ab"="127" "-1"="4095" "32767"="-8388608" "-2147483648"="-9223372036854775808" "` + strings.Repeat("m", 300) + `"="xy"`
	zipmap := []byte{2, 1, 'a', 2, 1, 'x', 'y', '?', 3, 'f', 'o', 'o', 0, 0, 255}
	long := append([]byte{1, 254, 44, 1, 0, 0}, bytes.Repeat([]byte{'n'}, 300)...)
	long = append(long, 254, 1, 0, 0, 0, 0, 'v', 255)
	bits := binary.LittleEndian.AppendUint64(nil, math.Float64bits(2.5))
	stream := func(extra int) []byte {
		b := append([]byte{1}, str(strings.Repeat("i", 16))...)
		b = append(append(b, str("entries")...), 3, 9, 0)
		for range extra {
			b = append(b, 1)
		}
		b = append(append(b, 1), str("group")...)
		b = append(b, 9, 0)
		if extra > 0 {
			b = append(b, 1)
		}
		b = append(b, 1)
		b = append(append(b, make([]byte, 24)...), 2) // one pending entry
		b = append(append(b, 1), str("consumer")...)
		b = append(b, make([]byte, 8)...)
		return b
	}
	pending := append([]byte{1}, make([]byte, 16)...)
	ttl := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	module := append([]byte{0x81, 1, 2, 3, 4, 5, 6, 7, 8, 1, 5, 2, 0x40, 9, 3, 0, 0, 0, 0, 4}, make([]byte, 8)...)
	module = append(append(append(module, 5), str("data")...), 0)

	for _, c := range []struct {
		what    string
		version int
		body    []byte
		want    string
	}{
		{"hash as zipmap", 6, key(typeHashZipmap, "k", str(string(zipmap))), `db0 hash "k": "a"="xy" "foo"=""`},
		{"hash as zipmap with long strings", 2, key(typeHashZipmap, "k", str(string(long))), `db0 hash "k": "` + strings.Repeat("n", 300) + `"="v"`},
		{"hash as ziplist", 6, key(typeHashZiplist, "k", str(string(zl))), `db0 hash "k":` + zlText},
		{"hash as listpack", 10, key(typeHashListpack, "k", str(string(lp))), `db0 hash "k":` + lpText},
		{"list of strings", 6, key(typeList, "k", append(append([]byte{2}, str("a")...), 0xc0, 5)), `db0 list "k": "a" "5"`},
		{"list as ziplist", 6, key(typeListZiplist, "k", str(string(ziplist([]byte{1, 'a'}, []byte{0xf2})))), `db0 list "k": "a" "1"`},
		{"list of ziplists", 7, key(typeQuicklist, "k", append([]byte{1}, str(string(ziplist([]byte{1, 'a'})))...)), `db0 list "k": "a"`},
		{"list of listpacks", 10, key(typeQuicklist2, "k", append(append([]byte{2, 1}, str("plain")...), append([]byte{2}, str(string(listpack([]byte{0x81, 'a'})))...)...)), `db0 list "k": "plain" "a"`},
		{"set as listpack", 11, key(typeSetListpack, "k", str(string(listpack([]byte{0x81, 'a'}, []byte{5})))), `db0 set "k": "a" "5"`},
		{"sorted set of texts", 6, key(typeZSet, "k", append(append(append([]byte{3}, str("a")...), 3, '2', '.', '5'), append(append(str("b"), 254), append(str("c"), 255)...)...)), `db0 sorted set "k": "a"="2.5" "b"="+Inf" "c"="-Inf"`},
		{"sorted set of numbers", 8, key(typeZSet2, "k", append(append([]byte{1}, str("a")...), bits...)), `db0 sorted set "k": "a"="2.5"`},
		{"sorted set as ziplist", 6, key(typeZSetZiplist, "k", str(string(ziplist([]byte{1, 'a'}, []byte{3, '2', '.', '5'})))), `db0 sorted set "k": "a"="2.5"`},
		{"stream of 5.0", 9, key(typeStream, "k", append(stream(0), pending...)), `db0 stream "k":`},
		{"stream of 7.0", 10, key(typeStream2, "k", append(stream(5), pending...)), `db0 stream "k":`},
		{"stream of 7.2", 11, key(typeStream3, "k", append(append(stream(5), make([]byte, 8)...), pending...)), `db0 stream "k":`},
		{"module value", 9, key(typeModule2, "k", module), `db0 module value "k":`},
		{"hash with expiring fields", 12, key(typeHashTTL, "k", append(append(ttl, 2, 0), append(append(append(str("f"), str("v")...), 0x80, 0, 0, 1, 0), append(str("g"), str("w")...)...)...)), `db0 hash with expiring fields "k":`},
		{"hash with expiring fields, packed", 12, key(typeHashTTLPack, "k", append(ttl, str(string(listpack([]byte{0x81, 'f'}, []byte{0x81, 'v'}, []byte{0})))...)), `db0 hash with expiring fields "k":`},
		{"expiry in seconds", 6, append([]byte{opExpire, 0, 0, 0, 0x10}, key(typeString, "k", str("v"))...), `db0 string "k" until 268435456000: "v"`},
		{"expiry before 1970", 9, append([]byte{opExpireMS, 255, 255, 255, 255, 255, 255, 255, 255}, key(typeString, "k", str("v"))...), `db0 string "k" until 1: "v"`},
		{"hints", 12, bytes.Join([][]byte{{opFreq, 9}, {opIdle, 0x40, 9}, {opResize, 1, 0}, {opSlotInfo, 1, 2, 3}, key(typeString, "k", str("v"))}, nil), `db0 string "k": "v"`},
		{"module's own data", 9, append(append([]byte{opModuleAux, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 2, 1, 5}, append(str("x"), 0)...), key(typeString, "k", str("v"))...), `db0 string "k": "v"`},
		{"length of 64 bits", 9, key(typeString, "k", append([]byte{0x81, 0, 0, 0, 0, 0, 0, 0, 1}, 'v')), `db0 string "k": "v"`},
		{"string of Redis 8", 13, key(typeString, "k", str("v")), `db0 string "k": "v"`},
		{"module's data of a key", 14, append(append(append([]byte{opMeta, 2, 1, 2, 3, 4, 5}, append(str("x"), 0)...), 9, 9, 9, 9, 2, 7, 0), key(typeString, "k", str("v"))...), `db0 string "k": "v"`},
		{"hash of Valkey 9", 80, key(typeHash, "k", append(append([]byte{1}, str("f")...), str("v")...)), `db0 hash "k": "f"="v"`},
		{"hash of Valkey with expiring fields", 81, key(valkeyOwn, "k", append(append(append([]byte{2}, append(str("f"), str("v")...)...), ttl...), append(append(str("g"), str("w")...), ttl...)...)), `db0 hash with expiring fields "k":`},
	} {
		t.Run(c.what, func(t *testing.T) {
			got, info := read(t, file(c.version, c.body))
			if len(got.lines) != 1 || got.lines[0] != c.want {
				t.Errorf("read %q\nwant %q", got.lines, c.want)
			}
			if info.Version != c.version || info.Valkey != (c.version >= minValkey) {
				t.Errorf("version %d, of Valkey: %v", info.Version, info.Valkey)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	good := key(typeString, "k", str("v"))
	for _, c := range []struct {
		what string
		file []byte
		is   error
		text string
	}{
		{"nothing", nil, ErrFormat, "ends after byte 0"},
		{"another file", []byte("PINGDBAK1 and more"), ErrFormat, "does not begin with REDIS"},
		{"no version", []byte("REDISabcd and more"), ErrFormat, "does not begin with REDIS"},
		{"a newer version", file(15, good), ErrVersion, "15 of Redis, known are 1 to 14 of Redis, 80 and 81 of Valkey"},
		{"a newer version of Valkey", file(82, good), ErrVersion, "82 of Valkey, known are"},
		{"version 0", file(0, good), ErrVersion, "known are 1 to 14"},
		{"Redis with a version of Valkey", []byte("REDIS0080 and more"), ErrVersion, "80 of Redis"},
		{"Valkey with a version of Redis", []byte("VALKEY012 and more"), ErrVersion, "12 of Valkey"},
		{"Valkey without a version", []byte("VALKEY-12 and more"), ErrFormat, "does not begin with REDIS or VALKEY"},
		{"a newer type of Redis", file(13, key(26, "k", nil)), ErrVersion, "13 of Redis, with a value or mark of type 26"},
		{"a newer type of Valkey", file(80, key(23, "k", nil)), ErrVersion, "80 of Valkey, with a value or mark of type 23"},
		{"a mark of a cluster of Valkey", file(80, []byte{opMeta, 1, 1}), ErrVersion, "type 243"},
		{"module's data of a key, too early", file(12, []byte{opMeta, 1, 2, 3, 4, 5}), ErrFormat, "unknown type 243"},
		{"unknown type", file(9, key(99, "k", nil)), ErrFormat, "unknown type 99"},
		{"value of an old module", file(9, key(6, "k", nil)), ErrFormat, "unknown type 6"},
		{"unknown length", file(9, []byte{typeString, 0x82}), ErrFormat, "unknown form 0x82"},
		{"unknown encoding", file(9, []byte{typeString, 0xc4}), ErrFormat, "unknown encoding 4"},
		{"encoding where a length must be", file(9, []byte{opSelect, 0xc0}), ErrFormat, "where a length must be"},
		{"absurd string", file(9, []byte{typeString, 0x81, 255, 255, 255, 255, 255, 255, 255, 255}), ErrFormat, "string of"},
		{"long string that is not there", file(9, []byte{typeString, 0x80, 127, 255, 255, 255}), ErrFormat, "it ends"},
		{"no checksum", file(9, good)[:len(file(9, good))-8], ErrFormat, "it ends"},
		{"packed value cut", file(10, key(typeHashListpack, "k", str("abc"))), ErrFormat, "malformed packed value"},
		{"hash with half a field", file(10, key(typeHashListpack, "k", str(string(listpack([]byte{1}))))), ErrFormat, "malformed packed value"},
		{"score that is no number", file(6, key(typeZSet, "k", append(append([]byte{1}, str("m")...), 2, 'x', 'y'))), ErrFormat, "is no number"},
		{"list node of unknown kind", file(10, key(typeQuicklist2, "k", []byte{1, 3})), ErrFormat, "unknown container 3"},
		{"module data of unknown kind", file(9, key(typeModule2, "k", []byte{1, 9})), ErrFormat, "unknown kind 9"},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := Read(bytes.NewReader(c.file), &seen{})
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v with %q", err, c.is, c.text)
			}
		})
	}
}

// TestNoChecksum reads files that have none: old ones, and those of a Redis that
// was told not to write any.
func TestNoChecksum(t *testing.T) {
	body := key(typeString, "k", str("v"))
	old := file(4, body)
	if _, info := read(t, old[:len(old)-8]); info.Summed {
		t.Error("a file of version 4 has a checksum")
	}
	off := file(9, body)
	clear(off[len(off)-8:])
	if _, info := read(t, off); info.Summed {
		t.Error("a checksum of 0 was taken for one")
	}
}

func TestChecksumOfRedis(t *testing.T) {
	// The check value that Redis's own test of crc64 prints.
	if got := checksum(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("checksum = %016x", got)
	}
}
