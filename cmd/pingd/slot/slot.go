package slot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Limit is the highest number of a slot: more nodes than any cluster has.
const Limit = 99

// prefix begins the names of slots, and so of the nodes in them.
const prefix = "store-"

// founderMark is a file in the slot whose node starts the cluster.
const founderMark = "founder"

// ErrFull means that every slot is taken.
var ErrFull = errors.New("every slot is taken")

// Slot is a directory that this process alone uses until Release.
type Slot struct {
	Name string // store-N: of the node as well
	Dir  string
	// Founder says that this node starts the cluster and the others join it. One
	// slot at most is a founder, for good, unless its directory is removed.
	Founder bool

	lock *os.File
}

// Claim takes the lowest free slot below dir, which is made if absent.
func Claim(dir string) (*Slot, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of slots: %w", err)
	}
	// Two that choose at the same time would both find no founder.
	choosing, err := lock(filepath.Join(dir, "slots.lock"), 0)
	if err != nil {
		return nil, err
	}
	defer choosing.Close()
	for n := 1; n <= Limit; n++ {
		name := prefix + strconv.Itoa(n)
		held, err := lock(filepath.Join(dir, name+".lock"), syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s := &Slot{Name: name, Dir: filepath.Join(dir, name), lock: held}
		if err := s.settle(dir); err != nil {
			return nil, errors.Join(err, s.Release())
		}
		return s, nil
	}
	return nil, fmt.Errorf("claim a slot below %s: %w", dir, ErrFull)
}

// settle makes the slot's directory, and a founder of its node if no slot of dir
// was ever used.
func (s *Slot) settle(dir string) error {
	fresh, err := s.first(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("make slot: %w", err)
	}
	mark := filepath.Join(s.Dir, founderMark)
	if fresh {
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return fmt.Errorf("mark founder: %w", err)
		}
	}
	_, err = os.Stat(mark)
	s.Founder = err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look for founder: %w", err)
	}
	return nil
}

// first reports whether dir holds no other slot's directory, and nothing in this one's:
// whoever made that was killed before it could mark it as the founder's.
func (s *Slot) first(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("list slots: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) && e.Name() != s.Name {
			return false, nil
		}
	}
	held, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("look into slot: %w", err)
	}
	return len(held) == 0, nil
}

// SetAside puts the slot's directory away, in place of what was put away before:
// the next one to claim the slot begins as a new node.
func (s *Slot) SetAside() error {
	old := s.Dir + ".removed"
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("set slot aside: %w", err)
	}
	if err := os.Rename(s.Dir, old); err != nil {
		return fmt.Errorf("set slot aside: %w", err)
	}
	return nil
}

// Release gives the slot back. So does the end of the process, however it ends.
func (s *Slot) Release() error {
	if err := s.lock.Close(); err != nil {
		return fmt.Errorf("release slot %s: %w", s.Name, err)
	}
	return nil
}

// lock opens path and locks it; how is LOCK_NB or 0, which waits.
func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
