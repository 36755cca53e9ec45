//go:build amd64 || arm64

package loop

import "syscall"

// reserve is how many descriptors clients and their servers leave to the rest of
// the process: the admin listener must answer when everything else is full.
const reserve = 128

// descriptors is how many descriptors the process may have. Go has raised it as
// far as it may be.
func descriptors() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<30 {
		return 1 << 30
	}
	return int(r.Cur)
}

// MostClients is how many clients a process may serve before it runs out of
// descriptors, if none of them needed a server.
func MostClients() int { return max(1, descriptors()-2*reserve) }
