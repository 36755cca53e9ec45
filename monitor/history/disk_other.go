//go:build !linux

package history

import (
	"math"
	"os"
)

// diskSpace takes a disk it can not measure to be large enough.
func diskSpace(string) (free, size int64, err error) { return math.MaxInt64, math.MaxInt64, nil }

func own(*os.File) error { return nil }
