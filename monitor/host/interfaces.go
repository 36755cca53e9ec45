package host

import (
	"os"
	"path/filepath"
	"strconv"
)

// Interface is what a network interface is, as opposed to what it carries.
type Interface struct {
	Name  string `json:"name"`
	Up    bool   `json:"up"`
	Speed int64  `json:"speed"` // bytes a second; 0 = unknown, as of a virtual one
	MTU   int64  `json:"mtu"`
}

const maxInterfaces = 1000

// Interfaces lists the machine's network interfaces from <sys>/class/net.
func (r Roots) Interfaces() []Interface {
	dir := filepath.Join(r.Sys, "class", "net")
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil
	}
	var all []Interface
	for _, e := range entries[:min(len(entries), maxInterfaces)] {
		at := func(file string) string { return filepath.Join(dir, e.Name(), file) }
		state := word(at("operstate"))
		if state == "" {
			continue // a file of the bonding driver, not an interface
		}
		i := Interface{Name: e.Name(), Up: state == "up"}
		if n, err := strconv.ParseInt(word(at("speed")), 10, 64); err == nil && n > 0 {
			i.Speed = n * 1_000_000 / 8 // Mbit/s
		}
		i.MTU, _ = strconv.ParseInt(word(at("mtu")), 10, 64)
		all = append(all, i)
	}
	return all
}
