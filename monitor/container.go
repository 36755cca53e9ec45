package monitor

import "os"

// inContainer reports whether this process runs in a container of its own, by
// the marks Docker and Podman leave.
func inContainer() bool {
	for _, mark := range [...]string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}
