// Command pingd is a highly available web stack in one binary: proxy, visit
// counter, replicated Redis-compatible store, Sentinel and monitor.
//
//	main ─► run ─► config.Load ──► mistakes: reported all at once, status 2
//	                    │
//	                    ├─ command ─► status, members, remove, transfer, health, version
//	                    │
//	                    └─ serve ───► listen ─► roles.go: New each role ─► group.Run ─► stopped
//	                                                                        ▲
//	                                    first signal: stop in order ────────┘
//	                                    second signal: leave at once, status 1
//
// Everything that reads flags, environment or signals, or ends the process, is in
// this folder; roles.go is the one file that knows every role.
package main
