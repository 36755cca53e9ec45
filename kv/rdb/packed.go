package rdb

import (
	"encoding/binary"
	"strconv"
)

// A packed value is one string that holds all elements. Each of the functions
// below calls emit for every element in order, and reports whether the string was
// well-formed. What emit gets is valid during the call only; integers come as
// their decimal text.

// intFrom reads an integer of 1, 2, 3, 4 or 8 bytes, little endian.
func intFrom(b []byte) int64 {
	var n uint64
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	shift := 64 - 8*len(b)
	return int64(n<<shift) >> shift
}

// eachInSet walks an intset: width, count, integers.
func eachInSet(b []byte, emit func([]byte) error) (ok bool, err error) {
	if len(b) < 8 {
		return false, nil
	}
	width, n := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if b = b[8:]; width != 2 && width != 4 && width != 8 || uint64(len(b)) != uint64(width)*uint64(n) {
		return false, nil
	}
	var text [20]byte
	for ; len(b) > 0; b = b[width:] {
		if err := emit(strconv.AppendInt(text[:0], intFrom(b[:width]), 10)); err != nil {
			return true, err
		}
	}
	return true, nil
}

// eachInZipmap walks a zipmap (Redis before 2.6): count, then name, value, ..., 255.
// A value has a byte that says how much free space follows it.
func eachInZipmap(b []byte, emit func([]byte) error) (ok bool, err error) {
	if len(b) < 2 {
		return false, nil
	}
	isValue := false
	for b = b[1:]; ; isValue = !isValue {
		if len(b) == 0 {
			return false, nil
		}
		if b[0] == 255 {
			return len(b) == 1 && !isValue, nil
		}
		size, head := uint64(b[0]), 1
		if b[0] == 254 {
			if len(b) < 5 {
				return false, nil
			}
			size, head = uint64(binary.LittleEndian.Uint32(b[1:])), 5
		}
		free := 0
		if isValue {
			if len(b) <= head {
				return false, nil
			}
			free = int(b[head])
			head++
		}
		if b = b[head:]; size+uint64(free) > uint64(len(b)) {
			return false, nil
		}
		if err := emit(b[:size]); err != nil {
			return true, err
		}
		b = b[size+uint64(free):]
	}
}

// eachInZiplist walks a ziplist (Redis before 7.0): total bytes, offset of the last
// element, count, elements, 255.
func eachInZiplist(b []byte, emit func([]byte) error) (ok bool, err error) {
	if len(b) < 11 || binary.LittleEndian.Uint32(b) != uint32(len(b)) || b[len(b)-1] != 255 {
		return false, nil
	}
	count, seen := int(binary.LittleEndian.Uint16(b[8:])), 0
	for b = b[10:]; len(b) > 1; seen++ {
		head := 1
		if b[0] >= 254 { // the length of the element before
			head = 5
		}
		if len(b) <= head {
			return false, nil
		}
		element, rest, ok := ziplistElement(b[head:])
		if !ok {
			return false, nil
		}
		if err := emit(element); err != nil {
			return true, err
		}
		b = rest
	}
	return len(b) == 1 && (count == seen || count == 0xffff), nil
}

func ziplistElement(b []byte) (element, rest []byte, ok bool) {
	code := b[0]
	size, head := 0, 1
	switch code >> 6 {
	case 0:
		size = int(code & 0x3f)
	case 1:
		if len(b) < 2 {
			return nil, nil, false
		}
		size, head = int(code&0x3f)<<8|int(b[1]), 2
	case 2:
		if len(b) < 5 {
			return nil, nil, false
		}
		size, head = int(binary.BigEndian.Uint32(b[1:])), 5
	default:
		return ziplistInt(b)
	}
	if size > len(b)-head {
		return nil, nil, false
	}
	return b[head : head+size], b[head+size:], true
}

func ziplistInt(b []byte) (element, rest []byte, ok bool) {
	code, b := b[0], b[1:]
	size := map[byte]int{0xc0: 2, 0xd0: 4, 0xe0: 8, 0xf0: 3, 0xfe: 1}[code]
	switch {
	case size == 0 && code > 0xf0 && code < 0xfe: // 0 to 12 within the code
		return strconv.AppendInt(nil, int64(code&0x0f)-1, 10), b, true
	case size == 0 || size > len(b):
		return nil, nil, false
	}
	return strconv.AppendInt(nil, intFrom(b[:size]), 10), b[size:], true
}

// eachInListpack walks a listpack (Redis since 7.0): total bytes, count, elements,
// each with its length behind it, 255.
func eachInListpack(b []byte, emit func([]byte) error) (ok bool, err error) {
	if len(b) < 7 || binary.LittleEndian.Uint32(b) != uint32(len(b)) || b[len(b)-1] != 255 {
		return false, nil
	}
	count, seen := int(binary.LittleEndian.Uint16(b[4:])), 0
	for b = b[6:]; len(b) > 1; seen++ {
		element, size := listpackElement(b)
		size += backLength(size)
		if size == 0 || size >= len(b) {
			return false, nil
		}
		if err := emit(element); err != nil {
			return true, err
		}
		b = b[size:]
	}
	return len(b) == 1 && (count == seen || count == 0xffff), nil
}

// backLength returns how many bytes the length behind an element of a listpack
// takes.
func backLength(size int) int {
	switch {
	case size == 0:
		return 0
	case size < 1<<7:
		return 1
	case size < 1<<14:
		return 2
	case size < 1<<21:
		return 3
	case size < 1<<28:
		return 4
	}
	return 5
}

// listpackElement returns the first element of b and how many bytes it takes, 0 if
// it is malformed.
func listpackElement(b []byte) (element []byte, size int) {
	code := b[0]
	text := func(head, n int) ([]byte, int) {
		if n > len(b)-head {
			return nil, 0
		}
		return b[head : head+n], head + n
	}
	number := func(n int) ([]byte, int) {
		if n >= len(b) {
			return nil, 0
		}
		return strconv.AppendInt(nil, intFrom(b[1:1+n]), 10), 1 + n
	}
	switch {
	case code>>7 == 0:
		return strconv.AppendInt(nil, int64(code), 10), 1
	case code>>6 == 0b10:
		return text(1, int(code&0x3f))
	case len(b) < 2:
		return nil, 0
	case code>>5 == 0b110: // 13 bits, signed
		n := int64(code&0x1f)<<8 | int64(b[1])
		return strconv.AppendInt(nil, n<<51>>51, 10), 2
	case code>>4 == 0b1110:
		return text(2, int(code&0x0f)<<8|int(b[1]))
	case code == 0xf0 && len(b) >= 5:
		return text(5, int(binary.LittleEndian.Uint32(b[1:])))
	case code >= 0xf1 && code <= 0xf4:
		return number([...]int{2, 3, 4, 8}[code-0xf1])
	}
	return nil, 0
}
