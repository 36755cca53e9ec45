package keyspace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// blockWriter gathers records into checksummed blocks.
type blockWriter struct {
	w   io.Writer
	n   int64
	buf []byte // head of the block, not filled in yet, and records
	err error
}

func (b *blockWriter) begin() { b.buf = append(b.buf[:0], make([]byte, blockHead)...) }

func (b *blockWriter) raw(p []byte) {
	if b.err != nil {
		return
	}
	n, err := b.w.Write(p)
	b.n += int64(n)
	if err != nil {
		b.err = fmt.Errorf("write snapshot: %w", err)
	}
}

// flush writes the block if it holds at least size bytes.
func (b *blockWriter) flush(size int) error {
	body := b.buf[blockHead:]
	if len(body) < size || b.err != nil {
		return b.err
	}
	binary.LittleEndian.PutUint64(b.buf, uint64(len(body)))
	binary.LittleEndian.PutUint64(b.buf[8:], xxhash.Sum64(body))
	b.raw(b.buf)
	b.begin()
	return b.err
}

// readBlock reads one block into block and checks its sum. A length that lies
// costs no more memory than the bytes that follow.
func readBlock(r io.Reader, block *bytes.Buffer) error {
	var head [blockHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return cutShort(err)
	}
	size := binary.LittleEndian.Uint64(head[:])
	if size == 0 || size > 1<<40 {
		return fmt.Errorf("%w: block of %d bytes", ErrSnapshotCorrupt, size)
	}
	block.Reset()
	if _, err := io.CopyN(block, r, int64(size)); err != nil {
		return cutShort(err)
	}
	if xxhash.Sum64(block.Bytes()) != binary.LittleEndian.Uint64(head[8:]) {
		return fmt.Errorf("%w: checksum does not match", ErrSnapshotCorrupt)
	}
	return nil
}

// cutShort tells an input that ends too early from one that cannot be read.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrSnapshotCorrupt)
	}
	return fmt.Errorf("read: %w", err)
}
