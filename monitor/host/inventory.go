package host

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/common"
	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
)

// This is the only file that uses gopsutil: for what is slow or asked rarely.

// Inventory is what a machine is, as opposed to what it does.
type Inventory struct {
	Host           string    `json:"host"`
	OS             string    `json:"os"`             // "debian 12.5"
	Kernel         string    `json:"kernel"`         // "6.1.0-18-amd64"
	Arch           string    `json:"arch"`           // "x86_64"
	Virtualization string    `json:"virtualization"` // "kvm guest"; empty on metal
	CPU            string    `json:"cpu"`            // model name
	Cores          int       `json:"cores"`
	Boot           time.Time `json:"boot"`
}

// Space is one mounted file system. Sizes are bytes.
type Space struct {
	Mount     string `json:"mount"`
	Device    string `json:"device"`
	FS        string `json:"fs"`
	Size      uint64 `json:"size"`
	Free      uint64 `json:"free"`
	Avail     uint64 `json:"avail"` // free to programs that are not root
	Files     uint64 `json:"files"` // inodes
	FilesFree uint64 `json:"files_free"`
	ReadOnly  bool   `json:"read_only"`
}

// Roots are where a machine's trees are mounted. Root is "/" on the machine
// itself; empty where a container has no mount of it, and then Spaces reports
// what it can see of its own.
type Roots struct{ Proc, Sys, Root string }

func (r Roots) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{
		common.HostProcEnvKey: r.Proc, common.HostSysEnvKey: r.Sys,
		common.HostEtcEnvKey:  filepath.Join(r.Root, "/etc"),
		common.HostRootEnvKey: filepath.Join(r.Root, "/"),
	})
}

// Take asks for the inventory. What can not be read stays zero.
func (r Roots) Take(ctx context.Context) Inventory {
	ctx = r.context(ctx)
	var inv Inventory
	if i, err := host.InfoWithContext(ctx); err == nil {
		inv.Host, inv.Kernel, inv.Arch = i.Hostname, i.KernelVersion, i.KernelArch
		inv.OS = strings.TrimSpace(i.Platform + " " + i.PlatformVersion)
		inv.Boot = time.Unix(int64(i.BootTime), 0).UTC()
		if i.VirtualizationSystem != "" {
			inv.Virtualization = strings.TrimSpace(i.VirtualizationSystem + " " + i.VirtualizationRole)
		}
	}
	if c, err := cpu.InfoWithContext(ctx); err == nil && len(c) > 0 {
		inv.CPU = strings.Join(strings.Fields(c[0].ModelName), " ")
	}
	if n, err := cpu.CountsWithContext(ctx, true); err == nil {
		inv.Cores = n
	}
	return inv
}

// pseudo are mounts under which nothing of interest to a disk's owner lies.
var pseudo = []string{"/proc", "/sys", "/dev", "/run", "/var/lib/docker", "/snap"}

// Spaces lists the mounted file systems that are backed by a device, each device
// once, by mount point.
func (r Roots) Spaces(ctx context.Context) []Space {
	parts, err := disk.PartitionsWithContext(r.context(ctx), false)
	if err != nil {
		return nil
	}
	slices.SortFunc(parts, func(a, b disk.PartitionStat) int { return len(a.Mountpoint) - len(b.Mountpoint) })
	seen := map[string]bool{}
	var all []Space
	for _, p := range parts {
		if seen[p.Device] || slices.ContainsFunc(pseudo, func(d string) bool {
			return p.Mountpoint == d || strings.HasPrefix(p.Mountpoint, d+"/")
		}) {
			continue
		}
		// disk.Usage ignores the root's place (it would report this container's own disk).
		u, err := disk.UsageWithContext(ctx, filepath.Join(r.Root, "/", p.Mountpoint))
		if err != nil || u.Total == 0 {
			continue
		}
		seen[p.Device] = true
		all = append(all, Space{
			Mount: p.Mountpoint, Device: p.Device, FS: p.Fstype,
			Size: u.Total, Free: u.Total - u.Used, Avail: u.Free,
			Files: u.InodesTotal, FilesFree: u.InodesFree,
			ReadOnly: slices.Contains(p.Opts, "ro"),
		})
	}
	slices.SortFunc(all, func(a, b Space) int { return strings.Compare(a.Mount, b.Mount) })
	return all
}
