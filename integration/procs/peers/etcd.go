package peers

import (
	"context"
	"fmt"
	"strings"

	"pingd/integration/procs"
)

// Etcd is a cluster of etcd members.
type Etcd struct {
	Members   []*procs.Process
	Endpoints []string // client addresses, host:port, in the order of Members
}

// StartEtcd starts n members with etcd's own defaults (every write is synced on
// a majority) and waits until each is healthy.
func StartEtcd(ctx context.Context, lab *procs.Lab, name string, n int) (*Etcd, error) {
	path, err := find("etcd", "etcd-server")
	if err != nil {
		return nil, err
	}
	type addrs struct{ client, peer string }
	members := make([]addrs, n)
	var initial []string
	for i := range members {
		if members[i].client, err = lab.Addr(); err != nil {
			return nil, err
		}
		if members[i].peer, err = lab.Addr(); err != nil {
			return nil, err
		}
		initial = append(initial, fmt.Sprintf("%s%d=http://%s", name, i+1, members[i].peer))
	}
	e := &Etcd{}
	for i, m := range members {
		member := fmt.Sprintf("%s%d", name, i+1)
		dir, err := lab.Dir(member)
		if err != nil {
			return nil, err
		}
		p, err := lab.Start(ctx, procs.Spec{Name: member, Path: path, Dir: dir, Args: []string{
			"--name=" + member, "--data-dir=" + dir + "/data",
			"--listen-client-urls=http://" + m.client, "--advertise-client-urls=http://" + m.client,
			"--listen-peer-urls=http://" + m.peer, "--initial-advertise-peer-urls=http://" + m.peer,
			"--initial-cluster=" + strings.Join(initial, ","), "--initial-cluster-state=new",
			"--initial-cluster-token=" + name,
		}})
		if err != nil {
			return nil, err
		}
		e.Members = append(e.Members, p)
		e.Endpoints = append(e.Endpoints, m.client)
	}
	for i, p := range e.Members {
		if err := p.WaitReady(ctx, procs.Answers("http://"+e.Endpoints[i]+"/health")); err != nil {
			return nil, err
		}
	}
	return e, nil
}
