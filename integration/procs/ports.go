package procs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// Labs of several test binaries run side by side, and a port that is free now
// may be taken a moment later by another. So each Lab holds a block of ports by
// a lock on a file, which the kernel drops when the process dies. The range
// lies below Linux's ephemeral ports, so no client's connection takes one.
const (
	firstPort = 27000
	blockSize = 100
	blocks    = 50
)

// ErrNoPorts means that every block of ports is held by another Lab.
var ErrNoPorts = errors.New("all blocks of test ports are in use")

// ports hands out the ports of one block.
type ports struct {
	lock  *os.File
	first int

	mu   sync.Mutex
	used int // offset of the next port to try
}

// claimPorts takes a free block; the lock files live below dir.
func claimPorts(dir string) (*ports, error) {
	dir = filepath.Join(dir, "pingd-test-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make port locks: %w", err)
	}
	for i := range blocks {
		path := filepath.Join(dir, strconv.Itoa(i)+".lock")
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open port lock: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			continue
		}
		return &ports{lock: f, first: firstPort + i*blockSize}, nil
	}
	return nil, ErrNoPorts
}

// next returns a port of the block that nothing listens on. A block used up
// starts again from its first port.
func (p *ports) next() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range blockSize {
		port := p.first + p.used%blockSize
		p.used++
		if free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a port in %d-%d: %w", p.first, p.first+blockSize-1, ErrNoPorts)
}

func free(port int) bool {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return ln.Close() == nil
}

func (p *ports) release() error {
	if err := p.lock.Close(); err != nil {
		return fmt.Errorf("free port lock: %w", err)
	}
	return nil
}
