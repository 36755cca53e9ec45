package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Inheritance is what a process took over. A nil one is of nobody.
type Inheritance struct {
	conn *net.UnixConn
	left map[string]net.Listener
}

// Take asks whoever offers at a path. It returns nil if nobody does.
func Take(ctx context.Context, path string) (*Inheritance, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	i := &Inheritance{conn: conn.(*net.UnixConn), left: map[string]net.Listener{}}
	if err := i.receive(); err != nil {
		i.Close()
		return nil, fmt.Errorf("take over from %s: %w", path, err)
	}
	return i, nil
}

func (i *Inheritance) receive() error {
	_ = i.conn.SetReadDeadline(time.Now().Add(patience))
	text, control := make([]byte, maxNames), make([]byte, syscall.CmsgSpace(4*maxListeners))
	n, m, _, _, err := i.conn.ReadMsgUnix(text, control)
	if err != nil {
		return err
	}
	fds, err := descriptors(control[:m])
	if err != nil {
		return err
	}
	var names []string
	if err := json.Unmarshal(text[:n], &names); err != nil || len(names) != len(fds) {
		for _, fd := range fds {
			_ = syscall.Close(fd)
		}
		return fmt.Errorf("%d descriptors for %q: %w", len(fds), text[:n], errors.Join(err, errForeign))
	}
	for k, fd := range fds {
		f := os.NewFile(uintptr(fd), names[k])
		ln, err := net.FileListener(f)
		_ = f.Close() // FileListener has its own
		if err != nil {
			err = fmt.Errorf("listener %s: %w", names[k], err)
			for _, fd := range fds[k+1:] {
				_ = syscall.Close(fd)
			}
			return err
		}
		i.left[names[k]] = ln
	}
	return nil
}

// errForeign is returned for an answer that is not of an Offer.
var errForeign = errors.New("this is not a pingd that hands over")

// descriptors returns those that came with a message.
func descriptors(control []byte) (all []int, err error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	for k := range messages {
		fds, err := syscall.ParseUnixRights(&messages[k])
		if err != nil {
			return all, fmt.Errorf("read descriptors: %w", err)
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
		}
		all = append(all, fds...)
	}
	return all, nil
}

// Listener returns the listener of a name if it is bound to addr as this process
// would bind it, else nil.
func (i *Inheritance) Listener(name, addr string) net.Listener {
	if i == nil || i.left[name] == nil {
		return nil
	}
	want, err := net.ResolveTCPAddr("tcp", addr)
	has, ok := i.left[name].Addr().(*net.TCPAddr)
	if err != nil || !ok || want.Port != has.Port && want.Port != 0 || !sameHost(want.IP, has.IP) {
		return nil
	}
	ln := i.left[name]
	delete(i.left, name)
	return ln
}

func sameHost(a, b net.IP) bool {
	return a.Equal(b) || unspecified(a) && unspecified(b)
}

func unspecified(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }

// Done tells the process that was here before to stop: this one serves.
func (i *Inheritance) Done() error {
	if i == nil {
		return nil
	}
	defer i.Close()
	if _, err := i.conn.Write([]byte(goes)); err != nil {
		return fmt.Errorf("tell the process before this one to stop: %w", err)
	}
	return nil
}

// Close gives back what was not used. Before Done it has the other process go on.
func (i *Inheritance) Close() {
	if i == nil {
		return
	}
	for _, ln := range i.left {
		_ = ln.Close() // the other process has it too
	}
	i.left = nil
	_ = i.conn.Close()
}
