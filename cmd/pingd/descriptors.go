package main

import (
	"fmt"
	"log/slog"
	"syscall"
)

const (
	// usualClients is how many a port serves at a time where descriptors allow it
	// (Redis's default of maxclients).
	usualClients = 10_000
	// keptDescriptors stay with the log, the bus, the admin listener and what dials
	// out: a node whose clients had taken them all would fall out of its cluster. Half
	// a thousand of them are for strangers at the bus and at the admin port.
	keptDescriptors = 640
)

// mostClients returns how many clients the Redis and the Sentinel port of one process
// may have under its limit of open files, as Redis adapts maxclients to it. Go has
// raised the limit as far as it may be.
func mostClients(log *slog.Logger) (redis, sentinel int) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return usualClients, usualClients
	}
	redis, sentinel = share(l.Cur)
	if redis < usualClients {
		log.Warn("the limit of open files allows fewer clients than usual", "open_files", l.Cur, "maxclients", redis,
			"sentinel_clients", sentinel, "hint", fmt.Sprintf("ulimit -n %d, or LimitNOFILE= of systemd", 2*usualClients+keptDescriptors))
	}
	return redis, sentinel
}

// share divides a limit of open files: a quarter of what is left is Sentinel's, whose
// clients are fewer.
func share(files uint64) (redis, sentinel int) {
	all := int(min(files, 1<<30))
	left := max(all-keptDescriptors, all/8, 2)
	sentinel = min(max(1, left/4), usualClients)
	return min(left-sentinel, usualClients), sentinel
}
