// Package group runs the parts of a process together: started in order, stopped
// in reverse, and the first that fails stops all.
package group
