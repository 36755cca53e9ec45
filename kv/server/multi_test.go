package server

import (
	"strings"
	"testing"
)

func TestTransactions(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	run(t, p, []exchange{
		{"EXEC", "-ERR EXEC without MULTI\r\n"},
		{"DISCARD", "-ERR DISCARD without MULTI\r\n"},
		{"MULTI", "+OK\r\n"},
		{"SET k 1", "+QUEUED\r\n"},
		{"INCR k", "+QUEUED\r\n"},
		{"GET k", "+QUEUED\r\n"},
		{"EXEC", "*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n"},
		{"MULTI", "+OK\r\n"},
		{"EXEC", "*0\r\n"},
		{"MULTI", "+OK\r\n"},
		{"MULTI", "-ERR MULTI calls can not be nested\r\n"},
		{"INCR k", "+QUEUED\r\n"},
		{"WATCH k", "-ERR WATCH inside MULTI is not allowed\r\n"},
		{"DISCARD", "+OK\r\n"},
		{"GET k", "$1\r\n2\r\n"},
		// Refused while queueing: nothing runs.
		{"MULTI", "+OK\r\n"},
		{"INCR k", "+QUEUED\r\n"},
		{"foo a b", unknownFoo},
		{"EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
		{"MULTI", "+OK\r\n"},
		{"GET", "-ERR wrong number of arguments for 'get' command\r\n"},
		{"EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
		{"MULTI", "+OK\r\n"},
		{"HELLO 3", "-ERR Command not allowed inside a transaction\r\n"},
		{"EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
		{"GET k", "$1\r\n2\r\n"},
		// An error at execution: the rest runs.
		{"MULTI", "+OK\r\n"},
		{"SET s abc", "+QUEUED\r\n"},
		{"INCR s", "+QUEUED\r\n"},
		{"INCR k", "+QUEUED\r\n"},
		{"EXEC", "*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n:3\r\n"},
	})
}

// Commands of the front within a transaction keep their places, and SELECT holds
// for what follows it.
func TestTransactionWithFrontCommands(t *testing.T) {
	run(t, start(t, nil).dial(), []exchange{
		{"MULTI", "+OK\r\n"},
		{"PING", "+QUEUED\r\n"},
		{"SET k zero", "+QUEUED\r\n"},
		{"SELECT 1", "+QUEUED\r\n"},
		{"SET k one", "+QUEUED\r\n"},
		{"SELECT 99", "+QUEUED\r\n"},
		{"GET k", "+QUEUED\r\n"},
		{"PUBLISH c m", "+QUEUED\r\n"},
		{"EXEC", "*7\r\n+PONG\r\n+OK\r\n+OK\r\n+OK\r\n-ERR DB index is out of range\r\n$3\r\none\r\n:0\r\n"},
		{"GET k", "$3\r\none\r\n"},
		{"SELECT 0", "+OK\r\n"},
		{"GET k", "$4\r\nzero\r\n"},
		{"MULTI", "+OK\r\n"},
		{"PING", "+QUEUED\r\n"},
		{"EXEC", "*1\r\n+PONG\r\n"},
	})
}

func TestWatch(t *testing.T) {
	r := start(t, nil)
	p, other := r.dial(), r.dial()
	run(t, p, []exchange{{"SET k 1", "+OK\r\n"}, {"WATCH k absent", "+OK\r\n"}})
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"INCR k", "+QUEUED\r\n"}, {"EXEC", "*1\r\n:2\r\n"}})

	run(t, p, []exchange{{"WATCH k", "+OK\r\n"}})
	other.talk("SET k 5", "+OK\r\n")
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"INCR k", "+QUEUED\r\n"}, {"EXEC", "*-1\r\n"}, {"GET k", "$1\r\n5\r\n"}})
	// The failed EXEC has ended the watch.
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"INCR k", "+QUEUED\r\n"}, {"EXEC", "*1\r\n:6\r\n"}})

	// A key that appears, one that goes, and another database.
	run(t, p, []exchange{{"WATCH new", "+OK\r\n"}})
	other.talk("SET new 1", "+OK\r\n")
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"PING", "+QUEUED\r\n"}, {"EXEC", "*-1\r\n"}})
	run(t, p, []exchange{{"WATCH new", "+OK\r\n"}})
	other.talk("DEL new", ":1\r\n")
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"EXEC", "*-1\r\n"}})
	run(t, p, []exchange{{"WATCH k", "+OK\r\n"}})
	run(t, other, []exchange{{"SELECT 2", "+OK\r\n"}, {"SET k 1", "+OK\r\n"}})
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"GET k", "+QUEUED\r\n"}, {"EXEC", "*1\r\n$1\r\n6\r\n"}})

	// A key that comes and goes again has changed; one that comes elsewhere has not.
	for _, comes := range []exchange{{"SET brief 1", "+OK\r\n"}, {"SET brief 1 PX 600000", "+OK\r\n"}, {"HSET brief f 1", ":1\r\n"}} {
		for _, goes := range []exchange{
			{"DEL brief", ":1\r\n"}, {"PEXPIRE brief 0", ":1\r\n"}, {"RENAME brief other", "+OK\r\n"}, {"FLUSHDB", "+OK\r\n"}, {"SWAPDB 0 7", "+OK\r\n"},
		} {
			run(t, p, []exchange{{"WATCH brief", "+OK\r\n"}})
			run(t, other, []exchange{{"SELECT 0", "+OK\r\n"}, comes, goes})
			run(t, p, []exchange{{"EXISTS brief", ":0\r\n"}, {"MULTI", "+OK\r\n"}, {"SET brief x", "+QUEUED\r\n"}, {"EXEC", "*-1\r\n"}, {"EXISTS brief", ":0\r\n"}})
			run(t, other, []exchange{{"FLUSHALL", "+OK\r\n"}})
		}
	}
	run(t, p, []exchange{{"WATCH brief", "+OK\r\n"}})
	run(t, other, []exchange{{"SELECT 2", "+OK\r\n"}, {"SET brief 1", "+OK\r\n"}})
	run(t, p, []exchange{{"MULTI", "+OK\r\n"}, {"SET brief x", "+QUEUED\r\n"}, {"EXEC", "*1\r\n+OK\r\n"}, {"DEL brief", ":1\r\n"}})

	// UNWATCH, DISCARD and RESET forget.
	for _, forget := range []exchange{{"UNWATCH", "+OK\r\n"}, {"MULTI\r\nDISCARD", "+OK\r\n+OK\r\n"}, {"RESET", "+RESET\r\n"}} {
		run(t, p, []exchange{{"WATCH w", "+OK\r\n"}})
		other.talk("SELECT 0\r\nINCRBY w 0", "+OK\r\n:0\r\n")
		run(t, p, []exchange{forget, {"MULTI", "+OK\r\n"}, {"EXEC", "*0\r\n"}})
	}
}

func TestWatchNullInResp3(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.send("HELLO 3\r\n")
	p.want("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n" +
		"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n")
	p.talk("WATCH k", "+OK\r\n")
	r.dial().talk("SET k 1", "+OK\r\n")
	p.talk("MULTI\r\nGET k\r\nEXEC", "+OK\r\n+QUEUED\r\n_\r\n")
}

// A whole pipeline of transactions and plain commands is one call of the store,
// answered in order.
func TestPipelineIsOneGroup(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.talk("PING", "+PONG\r\n")
	before := r.store.dos.Load()
	one := "SET k 1\r\nMULTI\r\nINCR k\r\nEXEC\r\nPING\r\nfoo a b\r\nGET k\r\nECHO x\r\n"
	reply := "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n:2\r\n+PONG\r\n" + unknownFoo + "$1\r\n2\r\n$1\r\nx\r\n"
	p.send(strings.Repeat(one, 20))
	p.want(strings.Repeat(reply, 20))
	if n := r.store.dos.Load() - before; n != 1 {
		t.Errorf("%d calls of the store", n)
	}
}

// What depends on the store splits the group.
func TestPipelineSplits(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.send("SET k 1\r\nSELECT 1\r\nGET k\r\nWATCH k\r\nSET k 2\r\nMULTI\r\nPING\r\nEXEC\r\nPUBLISH c m\r\nGET k\r\n")
	p.want("+OK\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n*-1\r\n:0\r\n$1\r\n2\r\n")
}

// Arguments queued in one pass survive the passes after it.
func TestQueueAcrossPasses(t *testing.T) {
	p := start(t, nil).dial()
	p.talk("MULTI", "+OK\r\n")
	for i := range 50 {
		p.talk("SET key"+string(rune('a'+i%26))+" "+strings.Repeat("x", i+1), "+QUEUED\r\n")
	}
	p.talk("EXEC", "*50\r\n"+strings.Repeat("+OK\r\n", 50))
	p.talk("STRLEN keyx", ":50\r\n")
}

func TestClientReply(t *testing.T) {
	p := start(t, nil).dial()
	p.send("CLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\n")
	p.want("$1\r\n1\r\n")
	p.send("CLIENT REPLY OFF\r\nSET a 2\r\nPING\r\nfoo\r\nCLIENT REPLY ON\r\nGET a\r\n")
	p.want("+OK\r\n$1\r\n2\r\n")
}
