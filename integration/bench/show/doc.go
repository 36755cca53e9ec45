// Package show prints what the benchmarks found: tables for people, one JSON object
// for programs, and numbers with as many digits as mean something.
package show
