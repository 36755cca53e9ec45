package cgroup

import (
	"os"
	"path/filepath"
	"strings"

	"pingd/monitor/host/pressure"
)

// Container is one container as its cgroup's files tell of it; counters run
// since the container started. A field that its cgroup version or its
// permissions do not give is zero.
type Container struct {
	ID     string // as the engine names it; 64 hex digits for Docker and its kin
	Path   string // of its group below the hierarchy's root: "/docker/<id>"
	Engine string // docker, containerd, crio, podman, lxc, nspawn; empty if unknown

	CPUNanos, UserNanos, SystemNanos uint64
	Periods, ThrottledPeriods        uint64 // CFS bandwidth periods
	ThrottledNanos                   uint64
	CPULimit                         float64 // cores; 0 = none

	Memory      uint64 // all memory charged to it, page cache included
	Inactive    uint64 // the part of the page cache that can go at once
	RSS, Cache  uint64
	MemoryLimit uint64 // 0 = none
	OOMKills    uint64

	ReadBytes, WriteBytes uint64
	Processes             uint64
	Pressure              pressure.All

	RxBytes, TxBytes, RxDrops, TxDrops uint64
	NetKnown                           bool // its network is its own and readable
}

// WorkingSet is the memory the kernel can not take back without cost, as
// kubelet and cAdvisor reckon it: usage less inactive page cache.
func (c *Container) WorkingSet() uint64 {
	if c.Inactive > c.Memory {
		return 0
	}
	return c.Memory - c.Inactive
}

// unlimited: cgroup v1 prints "no limit" as the largest multiple of the page
// size an int64 holds; anything near it is no limit a machine could have.
const unlimited = 1 << 62

// engines maps the prefixes engines give to their scopes' names (systemd cgroup
// driver) to the engine's name.
var engines = [...]struct{ prefix, name string }{
	{"docker-", "docker"},
	{"cri-containerd-", "containerd"},
	{"crio-", "crio"},
	{"libpod-", "podman"},
}

// ContainerID tells whether a cgroup directory called name, in a directory
// called parent, is a container's, and which one.
func ContainerID(parent, name string) (id, engine string, ok bool) {
	base := strings.TrimSuffix(name, ".scope")
	if machine, ok := strings.CutPrefix(base, "lxc.payload."); ok {
		return machine, "lxc", machine != ""
	}
	if machine, ok := strings.CutPrefix(strings.TrimSuffix(name, ".service"), "systemd-nspawn@"); ok {
		return machine, "nspawn", machine != ""
	}
	if parent == "lxc" {
		return name, "lxc", true
	}
	if parent == "docker" || parent == "podman" {
		engine = parent
	}
	for _, e := range engines {
		if rest, ok := strings.CutPrefix(base, e.prefix); ok {
			base, engine = rest, e.name
			break
		}
	}
	return base, engine, isHexID(base)
}

func isHexID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Own finds the id of the container that the process at dir, such as "/proc/self",
// runs in; empty when it runs in none, or can not tell.
func Own(dir string) string {
	// A private cgroup namespace hides the group's path, but engines bind their own
	// files into a container, from directories named by its id.
	for _, file := range [...]string{"mountinfo", "cgroup"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			continue
		}
		if id := ownIn(string(text), file == "mountinfo"); id != "" {
			return id
		}
	}
	return ""
}

// ownIn looks for a container's id in the lines of a file. Of mounts only those that
// every container has by its engine count: others may be of any container.
func ownIn(text string, mounts bool) string {
	for line := range strings.Lines(text) {
		path := line
		if mounts {
			fields := strings.Fields(line)
			if len(fields) < 5 || fields[4] != "/etc/hostname" && fields[4] != "/etc/hosts" && fields[4] != "/etc/resolv.conf" {
				continue
			}
			path = fields[3]
		}
		parent := ""
		for part := range strings.SplitSeq(strings.TrimSpace(path), "/") {
			if id, _, ok := ContainerID(parent, part); ok && isHexID(id) {
				return id
			}
			parent = part
		}
	}
	return ""
}
