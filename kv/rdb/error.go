package rdb

import (
	"errors"
	"fmt"
	"io"
)

// Errors of Read, wrapped with where in the file and what was found.
var (
	// ErrFormat means that the input is no RDB file, or is damaged.
	ErrFormat = errors.New("not an intact RDB file")
	// ErrVersion means that it was written by a Redis newer than this package.
	ErrVersion = errors.New("RDB file of an unknown version")
	// ErrChecksum means that it was read to its end and is not what was written.
	ErrChecksum = errors.New("checksum of the RDB file does not match: it is damaged")
)

// wrong returns an ErrFormat at the present place.
func (s *source) wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s, before byte %d", ErrFormat, fmt.Sprintf(format, args...), s.at())
}

// cut turns the end of the input into an ErrFormat; other errors are the reader's.
func (s *source) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends after byte %d", ErrFormat, s.at())
	}
	return fmt.Errorf("read RDB file at byte %d: %w", s.at(), err)
}
