package session

import (
	"context"
	"time"

	"pingd/integration/procs"
)

// StartWithin bounds the start of any system: none takes a tenth of it unless
// it is broken.
const StartWithin = time.Minute

// StartCluster builds pingd and starts a cluster of it, within StartWithin.
func (s *Session) StartCluster(ctx context.Context, lab *procs.Lab, config procs.ClusterConfig) (*procs.Cluster, error) {
	binary, err := s.Binary(ctx, lab)
	if err != nil {
		return nil, err
	}
	config.Binary = binary
	ctx, cancel := context.WithTimeout(ctx, StartWithin)
	defer cancel()
	return procs.StartCluster(ctx, lab, config)
}
