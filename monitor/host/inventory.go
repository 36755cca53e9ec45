package host

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/common"
	"github.com/shirou/gopsutil/v3/cpu"
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

// Roots are where a machine's trees are mounted. Root is "/" on the machine
// itself; where a container has no mount of it, it is empty, and Spaces looks
// through process 1, which takes root's rights.
type Roots struct{ Proc, Sys, Root string }

func (r Roots) context(ctx context.Context) context.Context {
	root := r.Root
	if root == "" {
		root = filepath.Join(r.Proc, "1", "root") // nothing at all rather than this container's own
	}
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{
		common.HostProcEnvKey: r.Proc, common.HostSysEnvKey: r.Sys,
		common.HostEtcEnvKey:  filepath.Join(root, "/etc"),
		common.HostRootEnvKey: filepath.Join(root, "/"),
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
