package replica

import (
	"testing"

	"github.com/hashicorp/go-hclog"

	"pingd/kv/replica/logstore"
)

// Raft writes the first term before the first entry. A node whose disk failed, or whose
// power went, in between must still form its cluster.
func TestHalfABootstrapIsBegunAgain(t *testing.T) {
	c := newCluster(t, 1, func(cfg *Config) { cfg.Join, cfg.Expect = nil, 0 })
	nd := c.nodes[0]
	if err := nd.tryStart(); err != nil {
		t.Fatal(err)
	}
	c.leader()
	if err := nd.shut(); err != nil {
		t.Fatal(err)
	}
	cfg := nd.config()
	store, err := openStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// As after the first of the two writes.
	last, _ := store.Logs.LastIndex()
	for _, err := range []error{
		store.Logs.DeleteRange(1, last), store.Stable().SetUint64([]byte("CurrentTerm"), 1),
		store.Stable().SetUint64([]byte("LastVoteTerm"), 0), store.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	nd.start()
	if got := c.leader().must("INCR", "k"); got != ":1" {
		t.Fatal(got)
	}
}

func openStore(cfg Config) (*logstore.Store, error) {
	return logstore.Open(cfg.Dir, logstore.WAL, hclog.NewNullLogger())
}
