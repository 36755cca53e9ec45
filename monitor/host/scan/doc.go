// Package scan reads the text files of /proc and /sys without allocating: files
// kept open, and the lines, fields and numbers in their bytes.
//
// Its functions take bytes and return parts of them, never fail on odd input, and
// skip what they do not know, because kernels add lines and columns over time.
package scan
