// Package crash notices that the leader's process has ended, and has another leader
// elected at once instead of after an election timeout.
//
// When a process ends, however it does, its machine closes its connections and
// refuses new ones: both tell within a millisecond what a missing heartbeat tells
// after an election timeout or two.
//
//	follower: its connection to the leader ends ──▶ dials anew: refused?
//	   │ asks the other voters whether they are refused too
//	   ▼
//	a majority is: of those, whoever has the longest log stands for election, as
//	if leadership had been handed over to it (raft.TimeoutNow)
//
// Nothing is lost if all this is wrong, as behind a firewall that refuses: an
// election is always safe, and one leader is taken for ended once. A leader that
// answers reads on the strength of heartbeats alone is the exception, since it trusts
// that nobody is elected so soon: it is left to its election timeout. So is a
// machine that is gone without a word.
package crash
