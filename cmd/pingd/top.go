package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/gdamore/tcell/v2"
	"golang.org/x/term"

	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/top"
)

// toAdmin returns the way to the admin listener that the options name, and its
// address as a URL. No proxy of the environment: this is about this machine.
func toAdmin(o config.Options) (t *http.Transport, base string, err error) {
	if o.AdminAddr == config.Off {
		return nil, "", errors.New("--admin-addr=off: there is nobody to ask\nhint: --admin-addr=:19999")
	}
	keeper, err := openCerts(o, nil)
	if err != nil {
		return nil, "", err
	}
	t = &http.Transport{}
	scheme := "http"
	if keeper != nil {
		scheme = "https"
		t.DialTLSContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return keeper.DialSelf(ctx, addr) }
	}
	return t, scheme + "://" + local(o.HostPort(o.AdminAddr)), nil
}

// watch shows what a monitor tells: on the terminal, or once as text.
func watch(ctx context.Context, o config.Options, stdout io.Writer) error {
	transport, base, err := toAdmin(o)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	c := &top.Client{Base: base, Secret: o.Secret.Reveal(), Node: o.Command.Node, HTTP: http.Client{Transport: transport}}
	if o.Command.Once || !isTerminal(stdout) {
		return top.Once(ctx, c, stdout)
	}
	screen, err := tcell.NewScreen()
	if err != nil {
		return fmt.Errorf("take the terminal: %w\nhint: pingd top --once writes the same as text", err)
	}
	return top.Follow(ctx, c, screen)
}

// isTerminal tells whether somebody looks at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
