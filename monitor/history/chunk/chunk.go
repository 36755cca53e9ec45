package chunk

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// Point is what a span of time is reduced to. All three are NaN for a gap.
type Point struct{ Min, Avg, Max float32 }

// Gap is the point of a span in which nothing was stored.
var Gap = Point{nan, nan, nan}

var nan = float32(math.NaN())

// Empty reports whether p is a gap.
func (p Point) Empty() bool { return p.Avg != p.Avg }

// MaxPoints bounds a chunk: more than a day of seconds.
const MaxPoints = 100_000

const (
	version  = 1
	sumSize  = 4
	kept     = 11 // digits after the first of the mantissa
	cut      = 23 - kept
	greatest = 0x7f7fffff >> cut // the largest finite value's
)

// ErrCorrupt says that bytes are no chunk, or one that was changed. Errors of
// Decoder wrap it.
var ErrCorrupt = errors.New("chunk is corrupt")

var table = crc32.MakeTable(crc32.Castagnoli)

// code maps a number to the integer it is kept as; order stays as it was.
func code(v float32) int32 {
	b := math.Float32bits(v)
	m := int32(min((b&0x7fffffff+1<<(cut-1))>>cut, greatest))
	if b>>31 != 0 {
		return -m
	}
	return m
}

// value is the number kept as c.
func value(c int32) float32 {
	if c < 0 {
		return -math.Float32frombits(uint32(-c) << cut)
	}
	return math.Float32frombits(uint32(c) << cut)
}

// Round is what is left of v once it was kept.
func Round(v float32) float32 { return value(code(v)) }

// Encoder packs chunks. The zero value is ready; it keeps its buffers from chunk to
// chunk. Not for concurrent use.
type Encoder struct {
	raw     []byte
	flater  *flate.Writer
	scratch bytes.Buffer
}

// Append packs points and appends the chunk to to. Infinite values are kept as the
// largest there are; a point with any NaN is a gap. It panics above MaxPoints,
// which callers know beforehand.
func (e *Encoder) Append(to []byte, points []Point) []byte {
	if len(points) > MaxPoints {
		panic(fmt.Sprintf("chunk of %d points, at most %d", len(points), MaxPoints))
	}
	start := len(to)
	to = append(to, version)
	to = binary.AppendUvarint(to, uint64(len(points)))
	e.pack(points)
	e.scratch.Reset()
	if e.flater == nil {
		e.flater, _ = flate.NewWriter(&e.scratch, 7) // only a wrong level fails
	} else {
		e.flater.Reset(&e.scratch)
	}
	_, _ = e.flater.Write(e.raw) // a bytes.Buffer takes everything
	_ = e.flater.Close()
	to = append(to, e.scratch.Bytes()...)
	return binary.LittleEndian.AppendUint32(to, crc32.Checksum(to[start:], table))
}

// pack fills raw with the three columns.
func (e *Encoder) pack(points []Point) {
	raw, before := e.raw[:0], int32(0)
	gap := func(p Point) bool { return p.Min != p.Min || p.Avg != p.Avg || p.Max != p.Max }
	for _, p := range points {
		if gap(p) {
			raw = append(raw, 0)
			continue
		}
		c := code(p.Avg)
		raw = binary.AppendUvarint(raw, 1+zigzag(int64(c)-int64(before)))
		before = c
	}
	for _, p := range points {
		if !gap(p) {
			raw = binary.AppendUvarint(raw, uint64(max(0, int64(code(p.Max))-int64(code(p.Avg)))))
		}
	}
	for _, p := range points {
		if !gap(p) {
			raw = binary.AppendUvarint(raw, uint64(max(0, int64(code(p.Avg))-int64(code(p.Min)))))
		}
	}
	e.raw = raw
}

func zigzag(n int64) uint64   { return uint64(n<<1) ^ uint64(n>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// Decoder unpacks chunks. The zero value is ready; it keeps its buffers from chunk
// to chunk. Not for concurrent use.
type Decoder struct {
	src   bytes.Reader
	in    io.ReadCloser
	raw   bytes.Buffer
	codes []int32
}

// Append unpacks a chunk and appends its points to to. It never takes more memory
// than MaxPoints need, whatever it is given.
func (d *Decoder) Append(to []Point, b []byte) ([]Point, error) {
	if len(b) < 2+sumSize {
		return to, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(b))
	}
	body, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if crc32.Checksum(body, table) != binary.LittleEndian.Uint32(sum) {
		return to, fmt.Errorf("%w: checksum differs", ErrCorrupt)
	}
	if body[0] != version {
		return to, fmt.Errorf("%w: version %d", ErrCorrupt, body[0])
	}
	n, used := binary.Uvarint(body[1:])
	if used <= 0 || n > MaxPoints {
		return to, fmt.Errorf("%w: %d points", ErrCorrupt, n)
	}
	if err := d.inflate(body[1+used:], int64(n)); err != nil {
		return to, err
	}
	return d.unpack(d.raw.Bytes(), int(n), to)
}

func (d *Decoder) inflate(b []byte, points int64) error {
	d.src.Reset(b)
	if d.in == nil {
		d.in = flate.NewReader(&d.src)
	} else if err := d.in.(flate.Resetter).Reset(&d.src, nil); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	const longest = 3 * binary.MaxVarintLen32
	d.raw.Reset()
	if _, err := d.raw.ReadFrom(io.LimitReader(d.in, points*longest+1)); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// unpack reads the three columns of n points.
func (d *Decoder) unpack(raw []byte, n int, to []Point) ([]Point, error) {
	start, before := len(to), int64(0)
	bad := func(what string) ([]Point, error) { return to[:start], fmt.Errorf("%w: %s", ErrCorrupt, what) }
	next := func() (uint64, bool) {
		u, used := binary.Uvarint(raw)
		if used <= 0 {
			return 0, false
		}
		raw = raw[used:]
		return u, true
	}
	d.codes = d.codes[:0]
	for range n {
		u, ok := next()
		if !ok {
			return bad("averages end early")
		}
		if u == 0 {
			to, d.codes = append(to, Gap), append(d.codes, 0)
			continue
		}
		before += unzigzag(u - 1)
		if before > greatest || before < -greatest {
			return bad("value out of range")
		}
		to, d.codes = append(to, Point{Avg: value(int32(before))}), append(d.codes, int32(before))
	}
	for _, up := range [...]int64{1, -1} {
		for i := range to[start:] {
			p := &to[start+i]
			if p.Empty() {
				continue
			}
			u, ok := next()
			c := int64(d.codes[i]) + up*int64(min(u, 4*greatest))
			if !ok || c > greatest || c < -greatest {
				return bad("bounds end early or are out of range")
			}
			if up > 0 {
				p.Max = value(int32(c))
			} else {
				p.Min = value(int32(c))
			}
		}
	}
	if len(raw) > 0 {
		return bad("more than its points")
	}
	return to, nil
}

// AppendValues packs one column of values behind raw, NaN as a gap, neither
// compressed nor summed: that is up to whoever packs many columns into one piece.
func AppendValues(raw []byte, values []float32) []byte {
	before := int32(0)
	for _, v := range values {
		if v != v {
			raw = append(raw, 0)
			continue
		}
		c := code(v)
		raw = binary.AppendUvarint(raw, 1+zigzag(int64(c)-int64(before)))
		before = c
	}
	return raw
}

// CutValues reads a column that AppendValues packed into to, as many values as it
// holds, and returns what follows it.
func CutValues(raw []byte, to []float32) (rest []byte, err error) {
	before := int64(0)
	for i := range to {
		u, used := binary.Uvarint(raw)
		if used <= 0 {
			return nil, fmt.Errorf("%w: values end early", ErrCorrupt)
		}
		raw = raw[used:]
		if u == 0 {
			to[i] = nan
			continue
		}
		if before += unzigzag(u - 1); before > greatest || before < -greatest {
			return nil, fmt.Errorf("%w: value out of range", ErrCorrupt)
		}
		to[i] = value(int32(before))
	}
	return raw, nil
}
