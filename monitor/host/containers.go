package host

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
)

// Bounds of the walk over the cgroup tree.
const (
	maxCgroupDepth = 7
	maxContainers  = 1000
)

// CgroupMode is how a machine lays out its control groups.
type CgroupMode string

// The three layouts, and none.
const (
	CgroupNone    CgroupMode = ""
	CgroupUnified CgroupMode = "v2"
	CgroupLegacy  CgroupMode = "v1"
	CgroupHybrid  CgroupMode = "hybrid" // controllers in v1, a v2 tree beside them
)

// cgroups finds containers and keeps their files open. Not for concurrent use.
type cgroups struct {
	proc, root string // <HostProc>, <HostSys>/fs/cgroup
	mode       CgroupMode
	open       []*openContainer // sorted by id
}

type openContainer struct {
	Container // identity only
	path      string
	sources   []source
	net       file
	hasNet    bool
}

type source struct {
	file  file
	parse func([]byte, *Container)
}

func newCgroups(proc, sys string) *cgroups {
	root := filepath.Join(sys, "fs", "cgroup")
	return &cgroups{proc: proc, root: root, mode: cgroupMode(root)}
}

func cgroupMode(root string) CgroupMode {
	switch {
	case exists(filepath.Join(root, "cgroup.controllers")):
		return CgroupUnified
	case !exists(filepath.Join(root, "memory")) && !exists(filepath.Join(root, "cpuacct")) &&
		!exists(filepath.Join(root, "cpu,cpuacct")):
		return CgroupNone
	case exists(filepath.Join(root, "unified", "cgroup.controllers")):
		return CgroupHybrid
	}
	return CgroupLegacy
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hierarchy is the tree that is walked for containers.
func (g *cgroups) hierarchy() string {
	if g.mode == CgroupUnified {
		return g.root
	}
	for _, c := range [...]string{"memory", "cpuacct", "cpu,cpuacct", "pids"} {
		if dir := filepath.Join(g.root, c); exists(dir) {
			return dir
		}
	}
	return g.root
}

// scan brings the open containers in line with the cgroup tree.
func (g *cgroups) scan() {
	if g.mode == CgroupNone {
		return
	}
	var found []*openContainer
	g.walk(g.hierarchy(), "", "", 0, &found)
	slices.SortFunc(found, func(a, b *openContainer) int { return cmp.Compare(a.ID, b.ID) })
	known := make(map[string]*openContainer, len(g.open))
	for _, c := range g.open {
		known[c.path] = c
	}
	for i, c := range found {
		if old := known[c.path]; old != nil {
			found[i] = old
			delete(known, c.path)
			continue
		}
		g.openFiles(c)
	}
	for _, gone := range known {
		gone.close()
	}
	g.open = found
}

func (g *cgroups) walk(root, rel, parent string, depth int, found *[]*openContainer) {
	if depth > maxCgroupDepth || len(*found) >= maxContainers {
		return
	}
	entries, err := os.ReadDir(filepath.Join(root, rel))
	if err != nil {
		return // removed while walking
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := filepath.Join(rel, e.Name())
		if id, engine, ok := ContainerID(parent, e.Name()); ok {
			*found = append(*found, &openContainer{Container: Container{ID: id, Engine: engine}, path: path})
			continue // what it nests belongs to it
		}
		g.walk(root, path, e.Name(), depth+1, found)
	}
}

func (g *cgroups) openFiles(c *openContainer) {
	add := func(path string, parse func([]byte, *Container)) bool {
		f, err := openFile(path)
		if err == nil {
			c.sources = append(c.sources, source{f, parse})
		}
		return err == nil
	}
	switch g.mode {
	case CgroupUnified:
		for _, f := range cgroup2Files {
			add(filepath.Join(g.root, c.path, f.name), f.parse)
		}
	default:
		for _, f := range cgroup1Files {
			if !add(filepath.Join(g.root, f.controller, c.path, f.name), f.parse) && f.controller != "memory" {
				// Without the usual symlinks cpu and cpuacct are only reachable by both names.
				add(filepath.Join(g.root, "cpu,cpuacct", c.path, f.name), f.parse)
			}
		}
		for _, f := range hybridFiles {
			add(filepath.Join(g.root, "unified", c.path, f.name), f.parse)
		}
	}
	g.openNet(c)
}

// openNet finds the container's network through its first process. The open
// file keeps the network namespace alive, so close must follow the container's
// end soon: scan sees to that.
func (g *cgroups) openNet(c *openContainer) {
	b, err := os.ReadFile(filepath.Join(g.hierarchy(), c.path, "cgroup.procs"))
	if err != nil {
		return
	}
	line, _ := cutLine(b)
	if !isNumber(line) {
		return
	}
	dir := filepath.Join(g.proc, string(line))
	if own, host := link(dir), link(filepath.Join(g.proc, "1")); own != "" && own == host {
		return // --net=host: its figures would be the machine's
	}
	f, err := openFile(filepath.Join(dir, "net", "dev"))
	c.net, c.hasNet = f, err == nil
}

func link(procDir string) string {
	s, err := os.Readlink(filepath.Join(procDir, "ns", "net"))
	if err != nil {
		return ""
	}
	return s
}

// read fills to with one entry for each container that still exists.
func (g *cgroups) read(buf []byte, to []Container) ([]byte, []Container) {
	to = to[:0]
	for _, c := range g.open {
		to = grow(to)
		out := &to[len(to)-1]
		*out = Container{ID: c.ID, Engine: c.Engine}
		alive := false
		for _, s := range c.sources {
			var data []byte
			var err error
			if buf, data, err = s.file.readAll(buf); err == nil {
				s.parse(data, out)
				alive = true
			}
		}
		if !alive { // the cgroup is gone; the next scan closes its files
			to = to[:len(to)-1]
			continue
		}
		if c.hasNet {
			var data []byte
			var err error
			if buf, data, err = c.net.readAll(buf); err == nil {
				parseContainerNet(data, out)
			}
		}
	}
	return buf, to
}

func (g *cgroups) close() {
	for _, c := range g.open {
		c.close()
	}
	g.open = nil
}

func (c *openContainer) close() {
	for _, s := range c.sources {
		s.file.close()
	}
	c.sources = nil
	if c.hasNet {
		c.net.close()
		c.hasNet = false
	}
}
