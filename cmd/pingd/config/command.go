package config

import (
	"strconv"
	"strings"
	"time"
)

// Command is a subcommand with its arguments; the zero value starts the roles.
type Command struct {
	Name string // as typed: status, members, backup ... or empty
	Node string // the member that remove, replace and transfer are about, the host that top shows; may be empty for transfer and top
	By   string // replace: the member that takes its place
	JSON bool   // status, members, version: machine-readable output
	Path string // backup, restore, check: the file or directory; "-" for standard output or input

	Ready bool          // health: whether it can serve, not only whether it lives
	Wait  time.Duration // health: until it is well, for so long

	Shell string // completion: bash, zsh or fish

	Format string // backup: FormatPingd or FormatRDB
	Stale  bool   // backup: what the node has, without asking the leader

	Replace, Merge  bool // restore: what becomes of the keys that are there
	SkipUnsupported bool // restore: leave out what the store has no place for
	DryRun          bool // restore: only tell
	Once            bool // top: write it once, as text

	Server  string // drain, ready, weight: the server
	Service string // the same: its service, where several have a server of that name
	Weight  int    // weight: 0 to 256, or -1 for its own
	ID      string // explain: the request's id

	Confirm string // recover: the node's name, typed once more
}

// The formats of a backup.
const (
	FormatPingd = "pingd"
	FormatRDB   = "rdb"
)

// grammar is what the command line may say, in the words of the parser.
type grammar struct {
	Options `embed:""`

	Start     struct{} `cmd:"" default:"1" hidden:"" help:"Start the roles given by --role."`
	Status    asJSON   `cmd:"" help:"Show the cluster: leader, term, members and their state."`
	Members   asJSON   `cmd:"" help:"List the store nodes."`
	Remove    oneNode  `cmd:"" help:"Take a store node out of the cluster."`
	Replace   twoNodes `cmd:"" help:"Take store OLD out of the cluster once NEW, started with --join, has caught up and votes."`
	Transfer  mayNode  `cmd:"" help:"Hand the leadership over, to NAME or to the best node."`
	Servers   asJSON   `cmd:"" help:"Show the servers behind the proxies as each of them sees them."`
	Drain     server   `cmd:"" help:"Give a server nothing new, at all proxies; what it has goes on. Lasts until pingd ready."`
	Ready     server   `cmd:"" help:"Take pingd drain back."`
	Weight    weight   `cmd:"" help:"Set a server's share, 0 to 256, at all proxies; \"own\": what it registered with."`
	Explain   explain  `cmd:"" help:"Tell what became of a request: which server it went to and why, what failed, and what took how long. ID is that of X-Request-Id."`
	Backup    backup   `cmd:"" help:"Write all data of one moment to FILE, or to standard output (-)."`
	Restore   restore  `cmd:"" help:"Load a backup, or an RDB file of Redis, into a running cluster."`
	Recover   recovery `cmd:"" help:"Go on with this stopped node alone, when a majority is lost for good."`
	CheckPath check    `cmd:"" name:"check" help:"Read a stopped node's data directory, or a backup, and tell whether it is intact."`
	Top       top      `cmd:"" help:"Watch the cluster and this host, or that of NAME, in the terminal."`
	Health    health   `cmd:"" help:"Ask the process on this machine whether it is well (exit status 0 or 1)."`
	Version   asJSON   `cmd:"" help:"Show the version."`

	Completion completion `cmd:"" help:"Write the completion script of a shell: bash, zsh or fish."`
}

type health struct {
	Ready bool          `name:"ready" help:"Ask whether it can serve, not only whether it lives."`
	Wait  time.Duration `name:"wait" default:"0s" placeholder:"TIME" help:"Ask again until it is well, for so long."`
}

type completion struct {
	Shell string `arg:"" name:"SHELL"`
}

type asJSON struct {
	JSON bool `name:"json" help:"Print JSON."`
}

type oneNode struct {
	Name string `arg:"" name:"NAME"`
}

type twoNodes struct {
	Old string `arg:"" name:"OLD"`
	New string `arg:"" name:"NEW"`
}

type mayNode struct {
	Name string `arg:"" optional:"" name:"NAME"`
}

type server struct {
	Server  string `arg:"" name:"SERVER"`
	Service string `name:"service" placeholder:"NAME" help:"Which one, where servers of several services have this name."`
}

type weight struct {
	server
	Weight string `arg:"" name:"N"`
}

type explain struct {
	ID   string `arg:"" name:"ID"`
	JSON bool   `name:"json" help:"Print JSON."`
}

type top struct {
	Name string `arg:"" optional:"" name:"NAME"`
	Once bool   `name:"once" help:"Write it once, as text; so it is where the output is no terminal."`
}

type backup struct {
	File   string `arg:"" name:"FILE"`
	Format string `name:"format" default:"pingd" placeholder:"KIND" complete:"pingd,rdb" help:"pingd, or rdb for a file that Redis loads."`
	Stale  bool   `name:"stale" help:"Take what the node has, even if it has no leader."`
}

type restore struct {
	File            string `arg:"" name:"FILE"`
	Replace         bool   `name:"replace" help:"Remove every key that is there first."`
	Merge           bool   `name:"merge" help:"Keep the keys that are there; those of the file win."`
	SkipUnsupported bool   `name:"skip-unsupported" help:"Leave out keys of types that the store does not have."`
	DryRun          bool   `name:"dry-run" help:"Check the file, tell what would be done, and do nothing."`
}

type recovery struct {
	Confirm string `name:"confirm" placeholder:"NAME" help:"Do it: the name of this node, as --name has it. Without it, only tell what there is."`
}

type check struct {
	Path string `arg:"" name:"PATH"`
}

// command gathers what was said of the subcommand of that name.
func (g *grammar) command(name string) Command {
	c := Command{Name: name, JSON: g.Status.JSON || g.Members.JSON || g.Servers.JSON || g.Explain.JSON || g.Version.JSON, Node: g.Remove.Name + g.Replace.Old + g.Transfer.Name, By: g.Replace.New}
	switch name {
	case "drain":
		c.Server, c.Service = g.Drain.Server, g.Drain.Service
	case "ready":
		c.Server, c.Service = g.Ready.Server, g.Ready.Service
	case "weight":
		c.Server, c.Service, c.Weight = g.Weight.Server, g.Weight.Service, parseWeight(g.Weight.Weight)
	case "explain":
		c.ID = g.Explain.ID
	case "health":
		c.Ready, c.Wait = g.Health.Ready, g.Health.Wait
	case "completion":
		c.Shell = g.Completion.Shell
	case "backup":
		c.Path, c.Format, c.Stale = g.Backup.File, g.Backup.Format, g.Backup.Stale
	case "top":
		c.Node, c.Once = g.Top.Name, g.Top.Once
	case "recover":
		c.Confirm = g.Recover.Confirm
	case "check":
		c.Path = g.CheckPath.Path
	case "restore":
		r := g.Restore
		c.Path, c.Replace, c.Merge, c.SkipUnsupported, c.DryRun = r.File, r.Replace, r.Merge, r.SkipUnsupported, r.DryRun
	}
	return c
}

// badWeight is what parseWeight returns for what is none.
const badWeight = -2

// parseWeight reads a weight; "own" is -1.
func parseWeight(text string) int {
	if text == "own" {
		return -1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 256 {
		return badWeight
	}
	return n
}

// example returns what to type where the argument of a subcommand is missing.
func example(command, argument string) string {
	s := "pingd " + command + " " + argument
	switch command {
	case "replace":
		return "pingd replace s3 s4   (pingd members lists the names)"
	case "remove", "transfer":
		return s + "   (pingd members lists them)"
	case "drain", "ready":
		return "pingd " + command + " app1   (pingd servers lists them)"
	case "weight":
		return "pingd weight app1 10   (pingd servers lists them)"
	case "explain":
		return s + "   (what X-Request-Id of the answer says)"
	case "check":
		return strings.Replace(s, argument, "pingd-data", 1) + "   (what --data names), or a backup"
	case "backup":
		return strings.Replace(s, argument, "store.pingd", 1)
	case "restore":
		return strings.Replace(s, argument, "store.pingd", 1) + "   or dump.rdb of Redis"
	}
	return s
}

// command validates the arguments of a subcommand.
func (v *validator) command() {
	c := v.o.Command
	switch c.Name {
	case "backup":
		v.oneOf("format", c.Format, FormatPingd, FormatRDB)
	case "health":
		v.duration("wait", c.Wait, 0, time.Hour, "30s")
	case "completion":
		if !contains(Shells(), c.Shell) {
			v.advise("pingd completion "+quoteShell(c.Shell), "must be one of "+strings.Join(Shells(), ", "), "pingd completion "+orFirst(nearest(c.Shell, Shells()), Shells()))
		}
	}
	if c.Name == "weight" && c.Weight == badWeight {
		v.advise("pingd weight "+c.Server, "the weight is none from 0 to 256", "pingd weight "+c.Server+" 10; 0 drains it, \"own\" is what it registered with")
	}
	if c.Name == "recover" && c.Confirm != "" && c.Confirm != v.o.Name {
		v.advise("--confirm="+c.Confirm, "is not the name of this node, "+v.o.Name, "pingd recover, without --confirm, tells what to type")
	}
	if c.Name == "replace" && c.Node == c.By {
		v.advise("pingd replace "+c.Node+" "+c.By, "names one node twice", "pingd replace OLD NEW; NEW is the name that the new machine was started with")
	}
	if c.Replace && c.Merge {
		v.advise("--replace", "says the contrary of --merge", "one of the two: --replace removes the keys that are there, --merge keeps them")
	}
}
