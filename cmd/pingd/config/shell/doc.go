// Package shell writes the completion scripts of bash, zsh and fish, made of the same
// grammar as the help. It only writes: which commands and flags there are is said by
// its caller.
//
// A flag says how its value is completed by a tag, complete: words with commas between
// them, "file" or "dir".
package shell
