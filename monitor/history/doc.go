// Package history keeps a monitor's time series: the last hour by the second in
// memory, and on disk ten seconds for a day and minutes for a month.
//
// A series is named by dotted words, such as "cpu.user" or "disk.vda.read", and
// holds one number a second; a second without a number is a gap (NaN), never a
// zero. Series come and go with the disks, containers and backends they tell of.
//
//	sampler ──Begin, Put──► Ring          1 s x 1 h, memory
//	                          │ each minute: one frame, at most one fsync
//	                          ▼
//	                        head          the running hour, append only; read at the start
//	                          │ each hour: one transaction a level
//	                          ▼
//	                        archive       10 s x 24 h, 1 min x 30 d, bbolt
//
// Query answers from all three, each second from the finest that has it. What goes
// to disk stops by itself before the disk is full, and goes on when there is room:
// others, above all the store, need it more.
package history
