package main

import (
	"context"
	"time"

	"pingd/integration/procs"
)

// startWithin bounds the start of any system: none takes a tenth of it unless
// it is broken.
const startWithin = time.Minute

// startCluster builds pingd and starts a cluster of it.
func startCluster(ctx context.Context, env *environment, lab *procs.Lab, config procs.ClusterConfig) (*procs.Cluster, error) {
	binary, err := env.binary(ctx, lab)
	if err != nil {
		return nil, err
	}
	config.Binary = binary
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	return procs.StartCluster(ctx, lab, config)
}
