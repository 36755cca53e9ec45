//go:build !pingd_level1

package engine

// Level is what this engine knows of commands that are in the log. Every node must
// do the same with every entry, so a command that an older version of the program
// does not know may be put into the log only once no such version runs any more:
// entries say of which level they are, and an entry of a lower level finds no
// command of a higher one.
//
// Whoever adds commands, or changes what one does to the data, after a level has been
// released, begins the next: a list of its own in level.go, and Level one higher. A
// new type of value is such a change too: RESTORE and PINGD.LOAD, which carry values,
// are of its level where they carry one.
const Level = 2
