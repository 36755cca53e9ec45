package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"pingd/cmd/pingd/certs"
	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/handover"
)

// listeners are the bound ports of this process, by the flag that sets each.
type listeners struct {
	open  map[string]net.Listener // not taken yet
	addrs map[string]string       // bound addresses, also of those taken

	offer *handover.Offer       // to the process after this one; nil: none
	past  *handover.Inheritance // of the process before this one; nil: none
}

// listen binds every port that o asks for before anything else is done: a port
// that is taken is found before a log is opened or a cluster joined. It reports
// all that cannot be bound. With TLS the cluster's own ports speak it.
func listen(ctx context.Context, o config.Options, keeper *certs.Keeper) (*listeners, error) {
	bound := &listeners{open: map[string]net.Listener{}, addrs: map[string]string{}}
	raw := map[string]net.Listener{}
	var errs []error
	if o.ProxyHandover != "" {
		var err error
		if bound.past, err = handover.Take(ctx, o.ProxyHandover); err != nil {
			return nil, handoverError(o.ProxyHandover, err)
		}
	}
	for _, l := range o.Listeners() {
		var err error
		ln := bound.past.Listener(l.Key(), l.Addr)
		if ln == nil {
			ln, err = (&net.ListenConfig{}).Listen(ctx, "tcp", l.Addr)
		}
		if err != nil {
			errs = append(errs, listenError(l, err))
			continue
		}
		raw[l.Key()] = ln
		bound.open[l.Key()], bound.addrs[l.Key()] = secured(ln, l.Flag, o, keeper), ln.Addr().String()
	}
	if errs == nil && o.ProxyHandover != "" {
		var err error
		if bound.offer, err = handover.NewOffer(raw); err == nil && bound.past == nil {
			err = bound.offer.Listen(o.ProxyHandover)
		}
		if err != nil {
			errs = append(errs, handoverError(o.ProxyHandover, err))
		}
	}
	if errs != nil {
		bound.close()
		return nil, errors.Join(errs...)
	}
	return bound, nil
}

func handoverError(path string, err error) error {
	return fmt.Errorf("--proxy-handover=%s: %w\nhint: a path in a directory that this user may write to, used by nothing else: --proxy-handover=/run/pingd/proxy.sock", path, err)
}

// succeed has the process before this one stop, and waits for one after this. It
// returns true when there is one that serves.
func (l *listeners) succeed(ctx context.Context, path string, log *slog.Logger) bool {
	if l.past != nil {
		if err := l.past.Done(); err != nil {
			log.Warn("the process before this one may still serve", "err", err)
		}
		log.Info("taken over from the process before this one")
		if err := l.offer.Listen(path); err != nil {
			log.Error("no other process can take over from this one", "err", err)
			return false
		}
	}
	return l.offer.Run(ctx)
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
	l.past.Close()
	l.deafen()
	for _, ln := range l.open {
		_ = ln.Close() // never used: nothing can be lost
	}
}

// deafen ends what keeps the sockets open beside the roles.
func (l *listeners) deafen() {
	if l.offer != nil {
		l.offer.Close()
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
