// Package procs runs real processes for tests and benchmarks: the pingd binary
// in any number of roles, and (in procs/peers) the systems it is compared with.
//
// A Lab owns everything: a directory, a block of ports, and the processes. What
// a Lab started ends with Lab.Close, and also when the caller panics or is
// killed, so a broken test leaves nothing behind.
//
//	lab, err := procs.NewLab(dir, logger)
//	defer lab.Close()
//	cluster, err := procs.StartCluster(ctx, lab, procs.ClusterConfig{
//		Binary: bin, Stores: 3, Counters: 3, Proxies: 2,
//	})
//	leader, err := cluster.Leader(ctx)
//	err = leader.Kill()
//
// Nothing here sleeps for a fixed time: Poll asks until a condition holds or
// its context ends, and the error then carries the last answer.
package procs
