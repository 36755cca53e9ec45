package cgroup

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"pingd/monitor/host/scan"
)

const (
	maxDepth      = 7 // of the walk over the tree
	maxContainers = 1000
	// rescan is after how many reads the tree is walked although nothing was heard
	// of a change: a watch may have been refused.
	rescan = 30
	// rescanBlind is the same where the tree can not be watched.
	rescanBlind = 3
	// netTries is in how many reads a container's network is looked for.
	netTries = 10
)

// Mode is how a machine lays out its control groups.
type Mode string

// The three layouts, and none.
const (
	None    Mode = ""
	Unified Mode = "v2"
	Legacy  Mode = "v1"
	Hybrid  Mode = "hybrid" // controllers in version 1, a version 2 tree beside them
)

// Groups finds containers and keeps their files open. Create it with New. Not for
// concurrent use.
type Groups struct {
	proc, root string // <HostProc>, <HostSys>/fs/cgroup
	mode       Mode
	open       []*group // sorted by id
	watch      watch
	reads      int
}

// group is one container's control group.
type group struct {
	Container // identity only
	dir       string
	sources   []source
	net       scan.File
	hasNet    bool
	netTries  int
}

type source struct {
	file  scan.File
	parse func([]byte, *Container)
}

// New makes Groups for the trees mounted at proc and sys.
func New(proc, sys string) *Groups {
	root := filepath.Join(sys, "fs", "cgroup")
	return &Groups{proc: proc, root: root, mode: modeOf(root)}
}

func modeOf(root string) Mode {
	switch {
	case exists(filepath.Join(root, "cgroup.controllers")):
		return Unified
	case !exists(filepath.Join(root, "memory")) && !exists(filepath.Join(root, "cpuacct")) &&
		!exists(filepath.Join(root, "cpu,cpuacct")):
		return None
	case exists(filepath.Join(root, "unified", "cgroup.controllers")):
		return Hybrid
	}
	return Legacy
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Mode tells the layout of the machine's control groups.
func (g *Groups) Mode() Mode { return g.mode }

// Warnings says, for people, what is missing. Nil means that all is there.
func (g *Groups) Warnings() []string {
	if g.mode == None {
		return []string{g.root + " has no cgroup tree: no containers"}
	}
	return nil
}

// hierarchy is the tree that is walked for containers.
func (g *Groups) hierarchy() string {
	if g.mode == Unified {
		return g.root
	}
	for _, c := range [...]string{"memory", "cpuacct", "cpu,cpuacct", "pids"} {
		if dir := filepath.Join(g.root, c); exists(dir) {
			return dir
		}
	}
	return g.root
}

// scan brings the open groups in line with the tree.
func (g *Groups) scan() {
	var found []*group
	root := g.hierarchy()
	g.walk(root, "", "", 0, &found)
	slices.SortFunc(found, func(a, b *group) int { return cmp.Compare(a.ID, b.ID) })
	known := make(map[string]*group, len(g.open))
	for _, c := range g.open {
		known[c.dir] = c
	}
	for i, c := range found {
		if old := known[c.dir]; old != nil {
			found[i] = old
			delete(known, c.dir)
			continue
		}
		g.openFiles(c)
	}
	for _, gone := range known {
		gone.close()
	}
	g.open = found
}

func (g *Groups) walk(root, rel, parent string, depth int, found *[]*group) {
	if depth > maxDepth || len(*found) >= maxContainers {
		return
	}
	dir := filepath.Join(root, rel)
	g.watch.add(dir) // before it is read: what comes after is heard of
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // removed while walking
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := filepath.Join(rel, e.Name())
		if id, engine, ok := ContainerID(parent, e.Name()); ok {
			*found = append(*found, &group{Container: Container{ID: id, Path: "/" + path, Engine: engine}, dir: path})
			continue // what it nests belongs to it
		}
		g.walk(root, path, e.Name(), depth+1, found)
	}
}

func (g *Groups) openFiles(c *group) {
	add := func(path string, parse func([]byte, *Container)) bool {
		f, err := scan.Open(path)
		if err == nil {
			c.sources = append(c.sources, source{f, parse})
		}
		return err == nil
	}
	switch g.mode {
	case Unified:
		for _, f := range files2 {
			add(filepath.Join(g.root, c.dir, f.name), f.parse)
		}
	default:
		for _, f := range files1 {
			if !add(filepath.Join(g.root, f.controller, c.dir, f.name), f.parse) && f.controller != "memory" {
				// Without the usual symlinks cpu and cpuacct are only reachable by both names.
				add(filepath.Join(g.root, "cpu,cpuacct", c.dir, f.name), f.parse)
			}
		}
		for _, f := range filesHybrid {
			add(filepath.Join(g.root, "unified", c.dir, f.name), f.parse)
		}
	}
}

// openNet finds the container's network through its first process. The open
// file keeps the network namespace alive, so close must follow the container's
// end soon: scan sees to that.
func (g *Groups) openNet(c *group) {
	b, err := os.ReadFile(filepath.Join(g.hierarchy(), c.dir, "cgroup.procs"))
	if err != nil {
		return
	}
	line, _ := scan.Line(b)
	if !scan.IsNumber(line) {
		return
	}
	dir := filepath.Join(g.proc, string(line))
	if own, host := link(dir), link(filepath.Join(g.proc, "1")); own != "" && own == host {
		return // --net=host: its figures would be the machine's
	}
	f, err := scan.Open(filepath.Join(dir, "net", "dev"))
	c.net, c.hasNet = f, err == nil
}

func link(procDir string) string {
	s, err := os.Readlink(filepath.Join(procDir, "ns", "net"))
	if err != nil {
		return ""
	}
	return s
}

// Read fills to with one entry for each container that still exists; buf is what
// files are read into. Both are returned, grown where they had to. It allocates
// nothing as long as no container comes or goes.
func (g *Groups) Read(buf []byte, to []Container) ([]byte, []Container) {
	g.look(buf)
	to = to[:0]
	for _, c := range g.open {
		to = scan.Grow(to)
		out := &to[len(to)-1]
		*out = Container{ID: c.ID, Path: c.Path, Engine: c.Engine}
		alive := false
		for _, s := range c.sources {
			var data []byte
			var err error
			if buf, data, err = s.file.ReadAll(buf); err == nil {
				s.parse(data, out)
				alive = true
			}
		}
		if !alive { // the group is gone; the next scan closes its files
			to = to[:len(to)-1]
			continue
		}
		if !c.hasNet && c.netTries < netTries {
			c.netTries++ // a container's first process, and its network, come after its group
			g.openNet(c)
		}
		if c.hasNet {
			var data []byte
			var err error
			if buf, data, err = c.net.ReadAll(buf); err == nil {
				parseNet(data, out)
			}
		}
	}
	return buf, to
}

// look walks the tree when something changed in it, and now and then anyway.
func (g *Groups) look(buf []byte) {
	if g.mode == None {
		return
	}
	limit := rescan
	if g.watch.open() != nil {
		limit = rescanBlind
	}
	if changed := g.watch.changed(buf); changed || g.reads%limit == 0 {
		g.scan()
		g.reads = 0
	}
	g.reads++
}

// Close closes all files. Read opens them again.
func (g *Groups) Close() {
	for _, c := range g.open {
		c.close()
	}
	g.open, g.reads = nil, 0
	g.watch.close()
}

func (c *group) close() {
	for _, s := range c.sources {
		s.file.Close()
	}
	c.sources = nil
	if c.hasNet {
		c.net.Close()
		c.hasNet = false
	}
}
