package info

import (
	"maps"
	"sync"
)

// Codes counts error replies by the code that they begin with (INFO errorstats).
// Its zero value is empty. It is safe for concurrent use.
type Codes struct {
	mu sync.Mutex
	n  map[string]int64
}

// maxCodes bounds the codes that are counted apart; the rest is counted together.
const maxCodes = 128

// Count counts an error reply by its text.
func (c *Codes) Count(text string) {
	code := "ERR"
	for i := range len(text) {
		if b := text[i]; b < 'A' || b > 'Z' {
			if i > 0 {
				code = text[:i]
			}
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int64{}
	}
	if _, ok := c.n[code]; !ok && len(c.n) >= maxCodes {
		code = "OTHER"
	}
	c.n[code]++
}

// All returns a copy of the counts.
func (c *Codes) All() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// Reset forgets the counts.
func (c *Codes) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = nil
}
