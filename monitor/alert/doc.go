// Package alert decides when a series is worth waking somebody for. It is pure: the
// time and the series are handed in, what changed comes out.
//
// A rule is one line:
//
//	name: series [avg|min|max|sum WINDOW] [warn OP LEVEL [clear LEVEL]] [crit ...]
//	      [for TIME] [down TIME]
//
//	10min_cpu_usage: cpu.busy avg 10m warn > 85 clear 75 crit > 95 clear 85 down 15m
//	disk_space_usage: space.*.used warn > 90 clear 80 crit > 98 clear 90 for 1m
//	oom_kill: off
//
// The series may hold one "*": every series it takes in is watched by itself, and
// what the star stands for is the alert's subject. An alert is raised once its
// value has been beyond the level for the time of "for", and cleared once it has
// not been beyond the clear level for that of "down"; an alert that comes back
// within the hour must stay clear half as long again each time, up to an hour.
//
//	       beyond raise for "for"
//	clear ───────────────────────► raised ──► a Change: told to people
//	  ▲                               │
//	  └── within clear for "down" ────┘
package alert
