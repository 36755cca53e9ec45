// Package machine tells what a benchmark ran on: cores, kernel, the time of a
// synced write, and how much equal pieces of work differ. Every report begins with
// it, because figures from another machine, or from a noisy one, are other figures.
package machine
