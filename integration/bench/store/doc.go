// Package store is the subcommands store and commit: what group commit is worth.
// Both start the same systems (pingd, etcd, Redis with WAIT, Redis alone) and write
// to them in turn; store compares operations a second, commit counts with strace
// what each node's disk was asked for.
package store
