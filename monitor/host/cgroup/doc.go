// Package cgroup finds the containers of a Linux machine by their control groups
// and reads what the groups' files tell of each: CPU, throttling, memory, I/O,
// pressure, processes and network. It knows the three layouts there are (version 1,
// version 2, and version 1 with an empty version 2 beside it), and asks no engine.
//
//	inotify: a group came or went ──► walk the tree ──► open its files once
//	each second ──► one pread a file ──► []Container
package cgroup
