package sim

import (
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var (
	flagMutants = flag.String("sim.mutants", "", "build these broken versions and count the seeds until each is found: names, or all")
	flagPatient = flag.Int("sim.patience", 3000, "seeds before a broken version counts as not found")
)

// mutant is a version of the house that breaks one rule.
type mutant struct {
	name  string
	edits []edit
}

// mutants is what the simulation has to find. Each was a bug of ours or of others, or
// is what somebody may take for an improvement.
var mutants = []mutant{
	{"reads need no entry of the leader's own term", []edit{
		{"kv/replica/outbox/lead.go", "return o.node.Opening()", "return false"},
		{"kv/replica/reads.go", "r.machine.Wait(wait, index, term)", "r.machine.Wait(wait, index, min(term, 0))"},
	}},
	{"reads trust raft.VerifyLeader", []edit{
		{
			"kv/replica/reads.go", "index, term, err := r.confirm.Leader(ctx)",
			"node := r.raftNode()\n	if node == nil {\n		return confirm.ErrNotLeader\n	}\n	err := node.VerifyLeader().Error()\n	index, term := node.CommitIndex(), node.CurrentTerm()",
		},
	}},
	{"reads trust that this node leads", []edit{
		{"kv/replica/confirm/confirm.go", "needed > 0 && !c.poll(s.Peers, s.Term, needed)", "needed > 9 && !c.poll(s.Peers, s.Term, needed)"},
	}},
	{"peers confirm any term", []edit{
		{"kv/replica/reads.go", "n <= 0 || node == nil || node.CurrentTerm() != term", "n <= 0 || node == nil || term == 0"},
	}},
	{"reads do not wait for what is committed", []edit{
		{"kv/replica/reads.go", "r.machine.Wait(wait, index, term)", "r.machine.Wait(wait, index-index, term)"},
	}},
	{"the lease outlives the election timeout", []edit{
		{"kv/replica/config.go", "return c.ElectionTimeout * 3 / 4", "return c.ElectionTimeout * 6"},
	}},
	{"the lease goes on while leadership is handed over", []edit{
		{"kv/replica/confirm/lease.go", "c.beats.quiet = max(c.beats.quiet, term)", "c.beats.quiet = max(c.beats.quiet, 0*term)"},
	}},
	{"reads let keys end by the clock", []edit{
		{"kv/replica/reads.go", "r.engine.ReadSettled(now, cmds, out)", "r.engine.Read(now, cmds, out)"},
	}},
	{"log time goes back", []edit{
		{"kv/engine/engine.go", "e.store.Now = max(e.store.Now, stamp.UnixMilli)", "e.store.Now = stamp.UnixMilli"},
		{"kv/replica/outbox/lead.go", "max(o.cfg.Now().UnixMilli(), o.stamp, o.node.LogTime())", "o.cfg.Now().UnixMilli()"},
	}},
	{"READONLY reads have no bound", []edit{
		{"kv/replica/reads.go", "if !ok || age > r.cfg.StaleBound {", "if !ok && age > r.cfg.StaleBound {"},
	}},
	{"a new leader's commit index is taken for the newest", []edit{
		{"kv/replica/status.go", "= of == s.Term, r.cfg.Name", "= of <= s.Term, r.cfg.Name"},
	}},
	{"heartbeats take Raft's fast path", []edit{
		{"kv/replica/rpc/transport.go", "func (t *Transport) SetHeartbeatHandler(func(raft.RPC)) {}", "func (t *Transport) SetHeartbeatHandler(f func(raft.RPC)) { t.NetworkTransport.SetHeartbeatHandler(f) }"},
	}},
	{"the log is not synced before it counts", []edit{
		{
			"kv/replica/logstore/log.go", `err := l.watch.do("write log", logWrite, func() error { return l.LogStore.StoreLogs(entries) })`,
			"var err error\n	go func() { _ = l.LogStore.StoreLogs(entries) }()",
		},
	}},
	{"votes are not kept", []edit{
		{
			"kv/replica/logstore/watch.go", `return s.watch.do("write term and vote", stableWrite,`,
			"if len(key) > 8 && string(key[:8]) == \"LastVote\" {\n		return nil\n	}\n	return s.watch.do(\"write term and vote\", stableWrite,",
		},
	}},
	{"what a killed process left unsynced counts", []edit{
		{"kv/replica/logstore/segments.go", "!f.renewed[name] {", "f.renewed[name] {"},
	}},
	{"a segment that was sealed in a crash stays so", []edit{
		{"kv/replica/logstore/segments.go", "wal.WithMetaStore(sealer{meta, f})", "wal.WithMetaStore(meta)"},
	}},
	{"a snapshot empties the log", []edit{
		{"kv/replica/logstore/log.go", "to = l.covered(from, to)", "_ = l.covered"},
	}},
	{"an older snapshot replaces newer data", []edit{
		{"kv/replica/machine/snapshot.go", "head.Index < applied {", "head.Index < applied*0 {"},
	}},
	{"a change of members may fail for want of room", []edit{
		{"kv/replica/logstore/log.go", "&& !changesMembers(entries)", "&& changesMembers != nil"},
	}},
	{"snapshots hold no sessions", []edit{
		{"kv/replica/machine/snapshot.go", "Sessions: m.sessions.save()", "Sessions: m.sessions.save()[:0]"},
	}},
	{"a frame sent again is applied again", []edit{
		{"kv/replica/machine/machine.go", "known := s.seen(g.Origin.Number); known {", "known := s.seen(g.Origin.Number); known && m.broken {"},
	}},
	{"what a removed node sent is forgotten at once", []edit{
		{"kv/replica/machine/machine.go", "	m.left[name] = now\n", "	m.left[name] = now\n	delete(m.sessions, name)\n"},
	}},
	{"lost leadership means: not done", []edit{
		{"kv/replica/outbox/lead.go", "notDone := errors.Is(err, raft.ErrNotLeader)", "notDone := err != nil || errors.Is(err, raft.ErrNotLeader)"},
	}},
	{"a frame without an answer was not done", []edit{
		{"kv/replica/outbox/outbox.go", "		// Sent, and then nobody knows: the number makes another try safe.\n		f.maybe = true\n", ""},
	}},
	{"ONCE remembers nothing", []edit{
		{"kv/engine/exactly.go", "c.Store.Tokens.Put(token, due, c.Out[start:])", "c.Store.Tokens.Put(token, min(c.Now, due), c.Out[start:])"},
	}},
	{"EXEC does not look at what was watched", []edit{
		{"kv/engine/txn.go", "c.Version(w.DB, w.Key) != w.Version {", "c.Version(w.DB, w.Key) < 0*w.Version {"},
	}},
	{"a watched key that came and went is taken for absent all the time", []edit{
		{"kv/engine/keyspace/removals.go", "uint64(len(r.latest))] = version }", "uint64(len(r.latest))] = 0*version }"},
	}},
	{"a new leader judges members by data of an earlier day", []edit{
		{"kv/replica/roster/admit.go", "if err := r.node.Settle(ctx); err != nil {", "if err := ctx.Err(); err != nil {"},
	}},
	{"half a bootstrap is taken for a whole one", []edit{
		{"kv/replica/replica.go", "if err != nil || term != 1 {", "if err != nil || term != 0 {"},
	}},
	{"a node removed while away is not told", []edit{
		{"kv/replica/roster/announce.go", "|| r.misplaced() || lost {", "|| r.misplaced() {"},
	}},
	{"stopping waits for Raft's futures", []edit{
		{"kv/replica/operate.go", "go func() { done <- f.Error() }()", "r.spawn(func() { done <- f.Error() })"},
	}},
	{"a pipeline that takes nothing stays", []edit{
		{
			"kv/replica/rpc/transport.go", "	late := time.AfterFunc(takeWait, func() { _ = p.Close() })\n	defer late.Stop()\n", "",
		},
		{"kv/replica/rpc/transport.go", "stop: context.AfterFunc(t.cfg.Ctx, func() { _ = p.Close() })}", "stop: func() bool { return true }}"},
	}},
}

// TestMutantsApply sees to it that the list keeps up with the code, by and large:
// whoever changes a line that is listed need not know of it.
func TestMutantsApply(t *testing.T) {
	lost := 0
	for _, m := range mutants {
		if _, err := overlay(t.TempDir(), "../../..", m.edits...); err != nil {
			lost++
			t.Logf("%s: %v", m.name, err)
		}
	}
	if lost > len(mutants)/5 {
		t.Errorf("%d of %d mutants no longer fit the code", lost, len(mutants))
	}
}

// TestMutants builds each version and runs seeds until one fails. It prints a table for
// docs/faults.md.
func TestMutants(t *testing.T) {
	if *flagMutants == "" {
		t.Skip("takes about 15 s for each; run it with -sim.mutants=all")
	}
	for _, m := range mutants {
		if *flagMutants != "all" && !strings.Contains(*flagMutants, m.name) {
			continue
		}
		binary, err := build(t.TempDir(), false, m.edits...)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		began := time.Now()
		cmd := exec.Command(binary, "-test.run=^TestSeeds$", "-test.timeout=30m", "-sim.here", fmt.Sprintf("-sim.seeds=%d", *flagPatient))
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("| %s | not found in %d seeds |", m.name, *flagPatient)
			continue
		}
		n, what := found(string(out))
		fmt.Printf("| %s | %d | %.1f | %s |\n", m.name, n, time.Since(began).Seconds(), what)
	}
}

// found reads how many seeds ran, and the first thing that was wrong.
func found(out string) (seeds int, what string) {
	seeds = strings.Count(out, "seed-done\n") + 1
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return seeds, line
		}
	}
	_, rest, _ := strings.Cut(out, ": seed ")
	lines := strings.SplitN(rest, "\n", 3)
	if len(lines) < 2 {
		return seeds, "?"
	}
	return seeds, strings.TrimSpace(lines[1])
}
