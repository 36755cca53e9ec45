package head

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"pingd/monitor/history/chunk"
)

// Bounds of what a block may hold, so that no file can make a reader's memory grow
// without limit.
const (
	maxSeconds = 3600
	maxSeries  = 1 << 16
	maxName    = 512
	maxRaw     = 64 << 20
)

// Block is a stretch of seconds of all series.
type Block struct {
	Start   int64 // unix second of the first value
	Seconds int
	Names   []string
	Values  [][]float32 // of each name, Seconds long, NaN for a gap
}

// ErrBlock says that a frame is no block. Errors of Decode wrap it.
var ErrBlock = errors.New("block is malformed")

// encoder packs blocks; it keeps its buffers. Not for concurrent use.
type encoder struct {
	raw    []byte
	flater *flate.Writer
}

// append packs b behind to: its start, its length and its number of series, then
// compressed all names, each as what it shares with the one before and what is new,
// and all values.
func (e *encoder) append(to []byte, b *Block) []byte {
	to = binary.AppendVarint(to, b.Start)
	to = binary.AppendUvarint(to, uint64(b.Seconds))
	to = binary.AppendUvarint(to, uint64(len(b.Names)))
	raw, before := e.raw[:0], ""
	for _, name := range b.Names {
		shared := 0
		for shared < min(len(name), len(before)) && name[shared] == before[shared] {
			shared++
		}
		raw = binary.AppendUvarint(raw, uint64(shared))
		raw = binary.AppendUvarint(raw, uint64(len(name)-shared))
		raw = append(raw, name[shared:]...)
		before = name
	}
	for _, v := range b.Values {
		raw = chunk.AppendValues(raw, v)
	}
	e.raw = raw
	out := bytes.NewBuffer(to)
	if e.flater == nil {
		e.flater, _ = flate.NewWriter(out, 5) // only a wrong level fails
	} else {
		e.flater.Reset(out)
	}
	_, _ = e.flater.Write(raw) // a bytes.Buffer takes everything
	_ = e.flater.Close()
	return out.Bytes()
}

// DecodeBlock unpacks a block's payload.
func DecodeBlock(payload []byte) (*Block, error) {
	bad := func(what string) (*Block, error) { return nil, fmt.Errorf("%w: %s", ErrBlock, what) }
	start, n := binary.Varint(payload)
	if n <= 0 {
		return bad("no start")
	}
	payload = payload[n:]
	var sizes [2]uint64
	for i := range sizes {
		u, n := binary.Uvarint(payload)
		if n <= 0 {
			return bad("no size")
		}
		sizes[i], payload = u, payload[n:]
	}
	seconds, series := sizes[0], sizes[1]
	if seconds == 0 || seconds > maxSeconds || series > maxSeries {
		return bad(fmt.Sprintf("%d series of %d s", series, seconds))
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(payload)), maxRaw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBlock, err)
	}
	if uint64(len(raw)) < series*(seconds+2) { // two sizes for its name, a byte for each value
		return bad("shorter than its values")
	}
	b := &Block{Start: start, Seconds: int(seconds)}
	if raw, err = b.names(raw, int(series)); err != nil {
		return nil, err
	}
	all := make([]float32, int(seconds)*int(series))
	for i := range int(series) {
		v := all[i*int(seconds) : (i+1)*int(seconds)]
		if raw, err = chunk.CutValues(raw, v); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBlock, err)
		}
		b.Values = append(b.Values, v)
	}
	if len(raw) > 0 {
		return bad("more than its values")
	}
	return b, nil
}

func (b *Block) names(raw []byte, count int) (rest []byte, err error) {
	before := ""
	for range count {
		shared, n := binary.Uvarint(raw)
		if n <= 0 || shared > uint64(len(before)) {
			return nil, fmt.Errorf("%w: name", ErrBlock)
		}
		raw = raw[n:]
		size, n := binary.Uvarint(raw)
		if n <= 0 || size > maxName || uint64(len(raw)-n) < size {
			return nil, fmt.Errorf("%w: name", ErrBlock)
		}
		before = before[:shared] + string(raw[n:n+int(size)])
		if len(before) > maxName {
			return nil, fmt.Errorf("%w: name of %d bytes", ErrBlock, len(before))
		}
		raw = raw[n+int(size):]
		b.Names = append(b.Names, before)
	}
	return raw, nil
}
