//go:build !linux

package info

import "runtime"

func kernel() string { return runtime.GOOS + " " + runtime.GOARCH }

func hostMemory() uint64 { return 0 }
