package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"pingd/cmd/pingd/certs"
	"pingd/cmd/pingd/config"
)

// listeners are the bound ports of this process, by the flag that sets each.
type listeners struct {
	open  map[string]net.Listener // not taken yet
	addrs map[string]string       // bound addresses, also of those taken
}

// listen binds every port that o asks for before anything else is done: a port
// that is taken is found before a log is opened or a cluster joined. It reports
// all that cannot be bound. With TLS the cluster's own ports speak it.
func listen(ctx context.Context, o config.Options, keeper *certs.Keeper) (*listeners, error) {
	bound := &listeners{open: map[string]net.Listener{}, addrs: map[string]string{}}
	var errs []error
	for _, l := range o.Listeners() {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Addr)
		if err != nil {
			errs = append(errs, listenError(l, err))
			continue
		}
		bound.open[l.Flag], bound.addrs[l.Flag] = secured(ln, l.Flag, o, keeper), ln.Addr().String()
	}
	if errs != nil {
		bound.close()
		return nil, errors.Join(errs...)
	}
	return bound, nil
}

// take hands the listener of a flag to the role that will close it; nil when it is
// off.
func (l *listeners) take(flag string) net.Listener {
	ln := l.open[flag]
	delete(l.open, flag)
	return ln
}

// close closes those that nobody took.
func (l *listeners) close() {
	for _, ln := range l.open {
		_ = ln.Close() // never used: nothing can be lost
	}
}

// listenError says which setting is concerned and what to do.
func listenError(l config.Listener, err error) error {
	_, port, _ := net.SplitHostPort(l.Addr)
	hint := "choose another address with --" + l.Flag
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = fmt.Sprintf("see who has it with: ss -ltnp 'sport = :%s'   or take another, or any free port: --%s=:0", port, l.Flag)
	case errors.Is(err, syscall.EACCES):
		hint = fmt.Sprintf("ports below 1024 are for root; allow pingd with: setcap cap_net_bind_service=+ep $(command -v pingd)   or --%s=:1%s", l.Flag, fmt.Sprintf("%04s", port))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "the host must be an address of this machine (ip -brief addr lists them): --bind, or --" + l.Flag
	}
	return fmt.Errorf("--%s=%s: %w\nhint: %s", l.Flag, l.Addr, err, hint)
}
