package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pingd/integration/procs"
)

// Monitor is a running monitor of this machine.
type Monitor struct {
	*procs.Process
	Addr string // host:port of its page or its metrics
}

// netdataConf keeps all of netdata below one directory and lets it call nobody; what
// it collects is its default.
const netdataConf = `[global]
	run as user = root
[directories]
	cache = %[1]s/cache
	lib = %[1]s/lib
	log = %[1]s/log
	lock = %[1]s/lib/lock
[web]
	bind to = %[2]s
	default port = %[3]s
[registry]
	enabled = no
[statsd]
	enabled = no
`

// StartNetdata starts Debian's netdata as it comes, with its plugins.
func StartNetdata(ctx context.Context, lab *procs.Lab, name string) (*Monitor, error) {
	path, err := find("netdata", "netdata")
	if err != nil {
		return nil, err
	}
	addr, err := lab.Addr()
	if err != nil {
		return nil, err
	}
	dir, err := lab.Dir(name)
	if err != nil {
		return nil, err
	}
	for _, sub := range [...]string{"cache", "lib", "lib/lock", "lib/registry", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o750); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
	}
	host, port, _ := strings.Cut(addr, ":")
	conf, err := write(dir, "netdata.conf", fmt.Sprintf(netdataConf, dir, host, port))
	if err != nil {
		return nil, err
	}
	p, err := lab.Start(ctx, procs.Spec{
		Name: name, Path: path, Args: []string{"-D", "-c", conf, "-P", filepath.Join(dir, "pid")}, Workers: true,
		Env: []string{"DO_NOT_TRACK=1"},
	})
	if err != nil {
		return nil, err
	}
	return &Monitor{p, addr}, nil
}

// StartNodeExporter starts Prometheus's node_exporter with its default collectors.
func StartNodeExporter(ctx context.Context, lab *procs.Lab, name string) (*Monitor, error) {
	path, err := find("prometheus-node-exporter", "prometheus-node-exporter")
	if err != nil {
		return nil, err
	}
	addr, err := lab.Addr()
	if err != nil {
		return nil, err
	}
	p, err := lab.Start(ctx, procs.Spec{Name: name, Path: path, Args: []string{"--web.listen-address=" + addr}})
	if err != nil {
		return nil, err
	}
	return &Monitor{p, addr}, nil
}
