//go:build pingd_level1

package engine

// Level is 1: an engine that does not know the commands that came later, as if it
// were of the version before. For tests of versions side by side.
const Level = 1
