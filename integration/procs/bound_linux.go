package procs

import "syscall"

// bound makes a process a group of its own that ends with this one.
func bound() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
