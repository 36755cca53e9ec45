package confirm

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boottime is a clock for Config: it never goes back and goes on while the machine
// is suspended, which Go's own monotonic time does not.
func Boottime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return time.Since(started) // cannot happen: Linux has had it since 2.6.39
	}
	return time.Duration(t.Nano())
}

var started = time.Now()
