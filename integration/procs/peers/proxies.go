package peers

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"pingd/integration/procs"
)

// Proxy is a proxy or a web server, as one that answers at Addr, and over TLS at
// Secure (empty: it does not).
type Proxy struct {
	*procs.Process
	Addr, Secure string
}

// place is where a program answers and has its files.
type place struct {
	addr, secure string // without and with TLS
	cert         string // PEM file with certificate and key
	dir          string
}

// StartHAProxy starts HAProxy before the backends with the tutorial's settings
// (round robin, check inter 2000 rise 2 fall 5, redispatch, retries 2), without
// its log, on the given number of threads.
func StartHAProxy(ctx context.Context, lab *procs.Lab, name string, threads int, backends []string) (*Proxy, error) {
	path, err := find("haproxy", "haproxy")
	if err != nil {
		return nil, err
	}
	conf := func(at place) string {
		var b strings.Builder
		// Idle clients need no server: the limit of descriptors may be below twice
		// maxconn.
		fmt.Fprintf(&b, "global\n  nbthread %d\n  maxconn 12000\n  no strict-limits\n", threads)
		b.WriteString("defaults\n  mode http\n  option redispatch\n  retries 2\n  option forwardfor\n" +
			"  timeout connect 5s\n  timeout client 50s\n  timeout server 50s\n")
		fmt.Fprintf(&b, "frontend web\n  bind %s\n  bind %s ssl crt %s\n  default_backend apps\nbackend apps\n  balance roundrobin\n",
			at.addr, at.secure, at.cert)
		for i, backend := range backends {
			fmt.Fprintf(&b, "  server app%d %s check inter 2000 rise 2 fall 5\n", i+1, backend)
		}
		return b.String()
	}
	return startProxy(ctx, lab, procs.Spec{Name: name, Path: path}, conf,
		func(file string) []string { return []string{"-db", "-f", file} })
}

// nginxHead is the same for every nginx here: in the foreground, with every
// file below the Lab's directory.
const nginxHead = `daemon off;
pid %[1]s/nginx.pid;
error_log stderr warn;
worker_processes %[2]d;
worker_rlimit_nofile 20000;
events { worker_connections 12000; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_buffer_size 64k;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
`

// StartNginx starts nginx as a proxy before the backends, round robin over kept
// connections, with the given number of workers.
func StartNginx(ctx context.Context, lab *procs.Lab, name string, workers int, backends []string) (*Proxy, error) {
	conf := func(at place) string {
		var b strings.Builder
		fmt.Fprintf(&b, nginxHead, at.dir, workers)
		b.WriteString("  upstream apps {\n")
		for _, backend := range backends {
			fmt.Fprintf(&b, "    server %s;\n", backend)
		}
		b.WriteString("    keepalive 512;\n    keepalive_requests 100000000;\n  }\n")
		fmt.Fprintf(&b, "  server {\n    listen %s;\n    listen %s ssl;\n    ssl_certificate %s;\n    ssl_certificate_key %[3]s;\n    location / {\n      proxy_pass http://apps;\n"+
			"      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n"+
			"      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n    }\n  }\n}\n", at.addr, at.secure, at.cert)
		return b.String()
	}
	return startNginx(ctx, lab, name, conf)
}

// StartCaddy starts Caddy before the backends, round robin, without its log.
// Found on PATH only: Debian has no package of a current one. threads is its
// GOMAXPROCS.
func StartCaddy(ctx context.Context, lab *procs.Lab, name string, threads int, backends []string) (*Proxy, error) {
	path, err := exec.LookPath("caddy")
	if err != nil {
		return nil, &MissingError{Program: "caddy (go install github.com/caddyserver/caddy/v2/cmd/caddy@latest)", Debian: "golang"}
	}
	conf := func(at place) string {
		host, port, _ := strings.Cut(at.addr, ":")
		_, secure, _ := strings.Cut(at.secure, ":")
		apps := fmt.Sprintf("\tbind %s\n\treverse_proxy %s {\n\t\tlb_policy round_robin\n\t}\n}\n", host, strings.Join(backends, " "))
		return fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n\tstorage file_system %s\n}\n", at.dir) +
			fmt.Sprintf("http://:%s {\n%shttps://%s:%s {\n\ttls %s %[5]s\n%[2]s", port, apps, host, secure, at.cert)
	}
	spec := procs.Spec{Name: name, Path: path, Env: []string{"GOMAXPROCS=" + strconv.Itoa(threads)}}
	return startProxy(ctx, lab, spec, conf,
		func(file string) []string { return []string{"run", "--config", file, "--adapter", "caddyfile"} })
}

// LargePath is where a backend has a body of LargeSize bytes.
const (
	LargePath = "/large"
	LargeSize = 64 << 10
)

// StartBackend starts nginx as an application that answers every request at once
// with body, and LargePath with a large one, in one worker: as fast a backend as
// there is, so that what is measured is the proxy before it.
func StartBackend(ctx context.Context, lab *procs.Lab, name, body string) (*Proxy, error) {
	// No word of a configuration may be as long as the large body.
	const part = 1 << 10
	large := strings.Repeat("$part", LargeSize/part)
	conf := func(at place) string {
		return fmt.Sprintf(nginxHead, at.dir, 1) + fmt.Sprintf("  server {\n    listen %s backlog=4096;\n    set $part %q;\n    default_type text/plain;\n"+
			"    location / { return 200 %q; }\n    location = %s { return 200 %q; }\n  }\n}\n", at.addr, strings.Repeat("x", part), body, LargePath, large)
	}
	return startNginx(ctx, lab, name, conf)
}

func startNginx(ctx context.Context, lab *procs.Lab, name string, conf func(place) string) (*Proxy, error) {
	path, err := find("nginx", "nginx-light")
	if err != nil {
		return nil, err
	}
	return startProxy(ctx, lab, procs.Spec{Name: name, Path: path, Workers: true}, conf,
		func(file string) []string { return []string{"-c", file, "-e", "stderr"} })
}

// startProxy writes the configuration for a free port, starts the program on it
// and waits until it accepts.
func startProxy(ctx context.Context, lab *procs.Lab, spec procs.Spec, conf func(place) string, args func(file string) []string) (*Proxy, error) {
	dir, err := lab.Dir(spec.Name)
	if err != nil {
		return nil, err
	}
	at := place{dir: dir}
	if at.addr, err = lab.Addr(); err != nil {
		return nil, err
	}
	if at.secure, err = lab.Addr(); err != nil {
		return nil, err
	}
	if at.cert, err = Certificate(dir); err != nil {
		return nil, err
	}
	file, err := write(dir, "server.conf", conf(at))
	if err != nil {
		return nil, err
	}
	spec.Dir, spec.Args = dir, args(file)
	p, err := lab.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &Proxy{Process: p, Addr: at.addr, Secure: at.secure}, p.WaitReady(ctx, procs.Listens(at.addr))
}
