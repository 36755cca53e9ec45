// Command etcdload puts keys into an etcd cluster through etcd's own Go client
// for one round and writes how long each put took, as little-endian 64-bit
// nanoseconds, to standard output.
//
// It is a module of its own: etcd's client brings many dependencies that pingd
// does not need. The bench command builds and runs it.
//
// It is kind to etcd: it talks to the leader only, over as many connections as
// it is told, and a put is blind (no value is read or compared), which is less
// than the INCR it stands beside.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

type round struct {
	endpoints   []string
	conns       int
	clients     int
	warm, takes time.Duration
}

func main() {
	var r round
	endpoints := flag.String("endpoints", "", "client addresses of the members, `host:port,...`")
	flag.IntVar(&r.clients, "clients", 1, "puts under way at once")
	flag.IntVar(&r.conns, "conns", 1, "connections that share them")
	flag.DurationVar(&r.warm, "warm", 200*time.Millisecond, "time before anything is measured")
	flag.DurationVar(&r.takes, "for", time.Second, "time measured")
	flag.Parse()
	r.endpoints = strings.Split(*endpoints, ",")
	if err := r.run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "etcdload:", err)
		os.Exit(1)
	}
}

func (r round) run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, r.warm+r.takes+20*time.Second)
	defer cancel()
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	clients := make([]*clientv3.Client, r.conns)
	for i := range clients {
		c, err := dial(ctx, leader)
		if err != nil {
			return err
		}
		defer c.Close()
		clients[i] = c
	}
	from := time.Now().Add(r.warm)
	until := from.Add(r.takes)
	took := make([][]time.Duration, r.clients)
	errs := make([]error, r.clients)
	var wg sync.WaitGroup
	for i := range r.clients {
		wg.Go(func() {
			took[i], errs[i] = put(ctx, clients[i%r.conns], "bench:"+strconv.Itoa(i), from, until)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	for _, one := range took {
		if err := binary.Write(w, binary.LittleEndian, one); err != nil {
			return fmt.Errorf("write times: %w", err)
		}
	}
	return w.Flush()
}

func dial(ctx context.Context, endpoint string) (*clientv3.Client, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Context: ctx, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	return c, nil
}

// leader returns the endpoint of the leader: a put through a follower costs one
// hop more.
func (r round) leader(ctx context.Context) (string, error) {
	for _, endpoint := range r.endpoints {
		c, err := dial(ctx, endpoint)
		if err != nil {
			return "", err
		}
		status, err := c.Status(ctx, endpoint)
		c.Close()
		if err != nil {
			return "", fmt.Errorf("ask %s for the leader: %w", endpoint, err)
		}
		if status.Leader == status.Header.MemberId {
			return endpoint, nil
		}
	}
	return "", errors.New("no endpoint is the leader")
}

// put is one client; it counts puts that end between from and until.
func put(ctx context.Context, c *clientv3.Client, key string, from, until time.Time) ([]time.Duration, error) {
	var took []time.Duration
	for {
		start := time.Now()
		if start.After(until) {
			return took, nil
		}
		if _, err := c.Put(ctx, key, "12345678"); err != nil {
			return nil, fmt.Errorf("put: %w", err)
		}
		if end := time.Now(); end.After(from) && end.Before(until) {
			took = append(took, end.Sub(start))
		}
	}
}
