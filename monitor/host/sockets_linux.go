package host

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Constants of sock_diag(7) that the system package lacks.
const (
	sockDiagByFamily = 20
	diagRequestSize  = 56 // struct inet_diag_req_v2
	diagTimeout      = 2 * time.Second
)

// diagSockets asks the kernel for all TCP sockets of this network.
func diagSockets(ctx context.Context) (map[string]int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written that could be lost
	tv := unix.NsecToTimeval(int64(diagTimeout))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return nil, fmt.Errorf("bound a netlink socket: %w", err)
	}
	counts := map[string]int{}
	buf := make([]byte, 64<<10)
	for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
		if err := unix.Sendto(fd, diagRequest(family), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return nil, fmt.Errorf("ask for sockets: %w", err)
		}
		for done := false; !done; {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read sockets: %w", err)
			}
			if done, err = countDiag(buf[:n], counts); err != nil {
				return nil, err
			}
		}
	}
	return counts, nil
}

// diagRequest asks for the TCP sockets of a family in any state.
func diagRequest(family byte) []byte {
	b := make([]byte, unix.SizeofNlMsghdr+diagRequestSize)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b[16], b[17] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[20:], 0xffffffff) // states
	return b
}

// countDiag adds the messages of an answer to counts; done tells that it was the last.
func countDiag(b []byte, counts map[string]int) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		kind := binary.NativeEndian.Uint16(b[4:])
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, fmt.Errorf("read sockets: a message of %d bytes in %d", size, len(b))
		}
		body := b[unix.SizeofNlMsghdr:size]
		switch {
		case kind == unix.NLMSG_DONE:
			return true, nil
		case kind == unix.NLMSG_ERROR && len(body) >= 4:
			return true, fmt.Errorf("read sockets: %w", unix.Errno(-int32(binary.NativeEndian.Uint32(body))))
		case kind == sockDiagByFamily && len(body) >= 2: // struct inet_diag_msg: family, state
			if n := int(body[1]); n > 0 && n < len(tcpStates) {
				counts[tcpStates[n]]++
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return false, nil
}
