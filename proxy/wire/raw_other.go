//go:build !linux || 386 || s390x

package wire

const rawCalls = false

func (c *Conn) rawRead(uintptr) bool  { return true }
func (c *Conn) rawWrite(uintptr) bool { return true }
func (c *Conn) rawPeek(uintptr)       {}

// Quiet cannot be known here without reading; a dead connection shows when it
// is used.
func (c *Conn) Quiet() bool { return true }
