//go:build !linux

package confirm

import "time"

// Boottime is a clock for Config that never goes back.
func Boottime() time.Duration { return time.Since(started) }

var started = time.Now()
