package rpc

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/bus"
)

// ErrSick says that this node's disk does not let it lead.
var ErrSick = errors.New("disk of this node does not let it lead")

// Config is what a Transport is made of. All is required.
type Config struct {
	Network  *raft.NetworkTransport
	Ctx      context.Context // ends with the node
	Patience time.Duration   // before a heartbeat counts as slow
	// Vouch tells whether a node still lives in term.
	Vouch func(ctx context.Context, id, addr string, term uint64) bool
	Hung  func() bool // a write to this node's disk does not return
	Full  func() bool // this node's disk takes no more
	// Heard is told of each heartbeat that a node took, and when, by Clock, it was
	// sent.
	Heard func(id string, term uint64, sent time.Duration)
	Clock func() time.Duration
	// Where returns the address of a node that Raft believes to be at addr.
	Where func(id, addr string) string
	Spawn func(func()) bool // runs a goroutine that somebody waits for
}

// Transport implements raft.Transport, raft.WithPreVote and raft.WithClose.
type Transport struct {
	*raft.NetworkTransport
	cfg        Config
	installing atomic.Int32
	beats      beats
}

// New returns a Transport over cfg.Network.
func New(cfg Config) *Transport {
	return &Transport{NetworkTransport: cfg.Network, cfg: cfg, beats: beats{byID: map[raft.ServerID]*beat{}}}
}

// SetHeartbeatHandler does nothing: heartbeats take the common path.
func (t *Transport) SetHeartbeatHandler(func(raft.RPC)) {}

// Installing returns how many snapshots are being sent.
func (t *Transport) Installing() int { return int(t.installing.Load()) }

func (t *Transport) where(id raft.ServerID, addr raft.ServerAddress) raft.ServerAddress {
	return bus.Target(string(id), t.cfg.Where(string(id), string(addr)))
}

// AppendEntries sends entries as the library does, and heartbeats as the package's
// comment says.
func (t *Transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.cfg.Hung() {
		return ErrSick
	}
	if !isHeartbeat(args) {
		return t.NetworkTransport.AppendEntries(id, t.where(id, target), args, resp)
	}
	return t.heartbeat(id, target, args, resp)
}

// RequestVote asks for a vote, unless this node must not lead.
func (t *Transport) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if t.cfg.Hung() || t.cfg.Full() {
		return ErrSick
	}
	return t.NetworkTransport.RequestVote(id, t.where(id, target), args, resp)
}

// RequestPreVote asks whether a vote would be given, unless this node must not
// lead.
func (t *Transport) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if t.cfg.Hung() || t.cfg.Full() {
		return ErrSick
	}
	return t.NetworkTransport.RequestPreVote(id, t.where(id, target), args, resp)
}

// InstallSnapshot sends a snapshot.
func (t *Transport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	t.installing.Add(1)
	defer t.installing.Add(-1)
	return t.NetworkTransport.InstallSnapshot(id, t.where(id, target), args, resp, data)
}

// TimeoutNow asks a node to stand for election at once.
func (t *Transport) TimeoutNow(id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.NetworkTransport.TimeoutNow(id, t.where(id, target), args, resp)
}
