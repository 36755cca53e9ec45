package logstore

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// follower is a real Raft node that belongs to a cluster of another one, which only the
// test speaks for.
func follower(t *testing.T, s *Store) (send *raft.InmemTransport) {
	t.Helper()
	_, own := raft.NewInmemTransport("f")
	_, leader := raft.NewInmemTransport("l")
	own.Connect("l", leader)
	leader.Connect("f", own)
	cfg := raft.DefaultConfig()
	cfg.LocalID, cfg.Logger = "f", hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	cfg.HeartbeatTimeout, cfg.ElectionTimeout = time.Hour, time.Hour
	r, err := raft.NewRaft(cfg, &raft.MockFSM{}, s.Logs, s.Stable(), s.Snapshots, own)
	must(t, err)
	s.Logs.Started()
	t.Cleanup(func() {
		must(t, r.Shutdown().Error())
		must(t, s.Close())
	})
	return leader
}

var header = raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("l"), Addr: []byte("l")}

// A leader that has heard no answer sends again what follows a snapshot. Where the
// follower then knew nothing of the entry before, the leader went back through its whole
// log one by one before it sent the snapshot once more.
func TestEntriesAfterASnapshotMayComeTwice(t *testing.T) {
	for _, kind := range []string{WAL, Bolt} {
		t.Run(kind, func(t *testing.T) {
			s := open(t, t.TempDir(), kind)
			leader := follower(t, s)
			state := []byte{0x90} // an empty list, as raft.MockFSM has it
			conf := raft.Configuration{Servers: []raft.Server{{ID: "f", Address: "f"}, {ID: "l", Address: "l"}}}
			var got raft.InstallSnapshotResponse
			must(t, leader.InstallSnapshot("f", "f", &raft.InstallSnapshotRequest{
				RPCHeader: header, SnapshotVersion: 1, Term: 4, LastLogIndex: 170, LastLogTerm: 3,
				Configuration: raft.EncodeConfiguration(conf), ConfigurationIndex: 1, Size: int64(len(state)),
			}, &got, bytes.NewReader(state)))
			if !got.Success {
				t.Fatal("the snapshot is not taken")
			}
			after := &raft.AppendEntriesRequest{RPCHeader: header, Term: 4, PrevLogEntry: 170, PrevLogTerm: 3}
			for i := uint64(171); i <= 175; i++ {
				after.Entries = append(after.Entries, &raft.Log{Index: i, Term: 4, Data: []byte{0xa1, 'x'}})
			}
			for _, time := range []string{"first", "second"} {
				var got raft.AppendEntriesResponse
				must(t, leader.AppendEntries("f", "f", after, &got))
				if !got.Success || got.LastLog > 175 {
					t.Fatalf("the %s time: %+v", time, got)
				}
			}
			after.PrevLogTerm = 2 // of another leader's log
			var again raft.AppendEntriesResponse
			must(t, leader.AppendEntries("f", "f", after, &again))
			if again.Success {
				t.Error("what follows another entry 170 is taken")
			}
			var e raft.Log
			if err := s.Logs.GetLog(170, &e); err != nil || e.Index != 170 || e.Term != 3 {
				t.Errorf("entry 170: %+v, %v", e, err)
			}
			for _, none := range []uint64{0, 1, 169, 176} {
				if err := s.Logs.GetLog(none, &e); !errors.Is(err, raft.ErrLogNotFound) {
					t.Errorf("entry %d: %+v, %v", none, e, err)
				}
			}
		})
	}
}
