// Package sim runs whole clusters in one process, in fake time, against a network
// and disks that fail as a seed says, and checks that the store never lies. All of
// it is in tests: real replicas (real Raft, engine, outbox, former) whose sockets,
// disks and clocks are simulated.
//
//	seed ─▶ plan: nodes, timing, faults, clients
//	          │
//	          ▼                     bubble of testing/synctest: fake time
//	   ┌ nemesis ─▶ network, disks, clocks, nodes ┐
//	   │ clients ─▶ Replica.Do, ReadLocal         │─▶ history, trace
//	   └ watcher ─▶ every entry applied anywhere  ┘
//	          │
//	          ▼
//	   checks: linearizable, nothing lost or twice, same data everywhere,
//	   progress once healed, nothing left running
//
// A seed that fails is run again by the one command that the failure prints:
//
//	go test ./kv/replica/sim -run TestSeeds -sim.seed=42
//
// The long run and the proof that it finds bugs (docs/faults.md):
//
//	go test ./kv/replica/sim -run TestSeeds -sim.seeds=10000 -timeout=2h
//	go test ./kv/replica/sim -run TestMutants -sim.mutants=all -timeout=2h
//
// What is not simulated: a process whose timers stand still (a frozen node's disk
// and network stand still here, its timers do not), read errors of a disk, and
// failing writes of term and vote, after which Raft panics. Real processes in
// integration are put through those.
package sim
