// Package docker asks a container engine for the names of its containers, over its
// socket: the one thing that control groups do not tell. Docker and Podman answer
// alike. It never asks for statistics, which costs engines a second of work for
// each container, and it changes nothing.
package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Container is what an engine calls a container.
type Container struct {
	Name    string // without the slash that engines put before it
	Image   string
	Service string // of docker compose; empty outside of it
}

const (
	timeout = 3 * time.Second
	maxBody = 16 << 20
)

// Engine is an engine's socket. Safe for concurrent use.
type Engine struct {
	path   string
	client http.Client
}

// New returns the engine at the socket path. Nothing is opened yet.
func New(path string) *Engine {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	// Asked once in a while: a connection kept open would only be one more to lose.
	return &Engine{path, http.Client{Timeout: timeout, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Present reports whether there is a socket at all.
func (e *Engine) Present() bool {
	i, err := os.Stat(e.path)
	return err == nil && i.Mode().Type() == os.ModeSocket
}

// Containers lists the running containers by id. A cause for an error is that this
// process may not use the socket, or that the engine is not up.
func (e *Engine) Containers(ctx context.Context) (map[string]Container, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/containers/json", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the container engine: %w", err)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the container engine at %s: %w", e.path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the container engine at %s: %s", e.path, resp.Status)
	}
	var list []struct {
		ID     string `json:"Id"`
		Names  []string
		Image  string
		Labels map[string]string
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the containers of %s: %w", e.path, err)
	}
	all := make(map[string]Container, len(list))
	for _, c := range list {
		out := Container{Image: c.Image, Service: c.Labels["com.docker.compose.service"]}
		// A link of old gives a container further names: "/web/db". Its own has one slash.
		for _, n := range c.Names {
			if n = strings.TrimPrefix(n, "/"); out.Name == "" || !strings.Contains(n, "/") {
				out.Name = n
			}
		}
		all[c.ID] = out
	}
	return all, nil
}
