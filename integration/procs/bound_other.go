//go:build !linux

package procs

import "syscall"

// bound makes a process a group of its own; elsewhere than on Linux it may outlive
// this one if this one is killed.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
