// Package config is the command line of pingd: every setting with its default,
// the three places it is read from, and the rules it must obey.
//
//	command line ─┐
//	environment ──┼─► Load ─► Options ─► Validate ─► []Problem
//	--config file ┘   (I/O is handed in)    (pure)
//
// A setting is looked for on the command line first, then in the environment
// (PINGD_<FLAG>), then in the file, then its default holds. All mistakes are
// collected and reported at once, each with what to type instead.
package config
