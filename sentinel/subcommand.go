package sentinel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/kv/resp"
)

// subcommands are those of SENTINEL (Redis 7.0).
var subcommands = map[string]command{
	"ckquorum":                {arity: 3, run: onMaster((*client).ckquorum)},
	"config":                  {arity: -3, run: (*client).config},
	"debug":                   {arity: -2, run: (*client).debug},
	"failover":                {arity: 3, run: onMaster((*client).failover)},
	"flushconfig":             {arity: 2, run: func(c *client, _ context.Context, _ [][]byte) { c.OK() }},
	"get-master-addr-by-name": {arity: 3, run: (*client).masterAddr},
	"help":                    {arity: 2, run: func(c *client, _ context.Context, _ [][]byte) { c.Help("SENTINEL", helpText...) }},
	"info-cache":              {arity: -3, run: (*client).infoCache},
	"is-master-down-by-addr":  {arity: 6, run: (*client).isMasterDown},
	"master":                  {arity: 3, run: onMaster((*client).master)},
	"masters":                 {arity: 2, run: (*client).masters},
	"monitor":                 {arity: 6, run: refuse("MONITOR", "start another pingd with --join to add a node")},
	"myid":                    {arity: 2, run: func(c *client, _ context.Context, _ [][]byte) { c.Bulk(c.s.myID()) }},
	"pending-scripts":         {arity: 2, run: func(c *client, _ context.Context, _ [][]byte) { c.Out = resp.AppendArray(c.Out, 0) }},
	"remove":                  {arity: 3, run: (*client).remove},
	"replicas":                {arity: 3, run: onMaster((*client).replicas)},
	"reset":                   {arity: 3, run: (*client).resetMasters},
	"sentinels":               {arity: 3, run: onMaster((*client).sentinels)},
	"set":                     {arity: -5, run: (*client).set},
	"simulate-failure":        {arity: -3, run: refuse("SIMULATE-FAILURE", "stop a node by kill -9 or SIGSTOP to see a fail-over")},
	"slaves":                  {arity: 3, run: onMaster((*client).replicas)},
}

const noSuchMaster = "ERR No such master with that name"

// refuse makes a subcommand that says why there is no such thing here.
func refuse(name, instead string) func(*client, context.Context, [][]byte) {
	return func(c *client, _ context.Context, _ [][]byte) {
		c.Fail("ERR SENTINEL " + name + " is not possible: Raft decides which nodes there are and who leads; " + instead)
	}
}

// remove refuses to forget the master, as REMOVE would.
func (c *client) remove(ctx context.Context, args [][]byte) {
	if string(args[2]) != c.s.cfg.MasterName {
		c.Fail(noSuchMaster)
		return
	}
	refuse("REMOVE", "use the command 'pingd remove NAME' to take a node out")(c, ctx, args)
}

// question is what a subcommand about the master works with.
type question struct {
	ctx  context.Context
	args [][]byte
	st   state
	set  settings
	now  time.Time
}

// onMaster makes a subcommand whose first argument is the master's name.
func onMaster(run func(*client, question)) func(*client, context.Context, [][]byte) {
	return func(c *client, ctx context.Context, args [][]byte) {
		st, set := c.s.refresh()
		if !st.known || string(args[2]) != c.s.cfg.MasterName {
			c.Fail(noSuchMaster)
			return
		}
		run(c, question{ctx: ctx, args: args, st: st, set: set, now: time.Now()})
	}
}

// myID returns the identifier of this endpoint.
func (s *Server) myID() string {
	if self := s.cfg.Cluster.View().Self; self != "" {
		return sentinelID(self)
	}
	return s.id
}

func (c *client) masterAddr(_ context.Context, args [][]byte) {
	st, _ := c.s.refresh()
	if !st.known || string(args[2]) != c.s.cfg.MasterName {
		c.Out = resp.AppendNullArray(c.Out, c.Proto)
		return
	}
	c.Array(2)
	c.Bulk(st.master.Host)
	c.Bulk(st.master.port())
}

func (c *client) masters(context.Context, [][]byte) {
	st, set := c.s.refresh()
	if !st.known {
		c.Array(0)
		return
	}
	c.Array(1)
	c.Out = appendFields(c.Out, c.Proto, st.masterFields(c.s.cfg.MasterName, set, time.Now()))
}

func (c *client) master(q question) {
	c.Out = appendFields(c.Out, c.Proto, q.st.masterFields(c.s.cfg.MasterName, q.set, q.now))
}

func (c *client) replicas(q question) {
	list := q.st.replicas()
	c.Array(len(list))
	for _, n := range list {
		c.Out = appendFields(c.Out, c.Proto, q.st.replicaFields(n, q.set, q.now))
	}
}

func (c *client) sentinels(q question) {
	list := q.st.others()
	c.Array(len(list))
	for _, n := range list {
		c.Out = appendFields(c.Out, c.Proto, q.st.sentinelFields(n, q.set, q.now))
	}
}

// ckquorum tells whether the voters that live are enough to elect a leader.
func (c *client) ckquorum(q question) {
	alive, voters := q.st.usable()
	quorum := max(q.st.quorum(), voters/2+1)
	if alive >= quorum {
		c.Status("OK " + strconv.Itoa(alive) + " usable Sentinels. Quorum and failover authorization can be reached")
		return
	}
	c.Fail(fmt.Sprintf("NOQUORUM %d usable Sentinels. Not enough available Sentinels to reach the specified quorum for "+
		"this master. Not enough available Sentinels to reach the majority and authorize a failover", alive))
}

// failover hands leadership over and replies when that is done, so that a
// client which reads OK finds the new master at once.
func (c *client) failover(q question) {
	fit := false
	for _, n := range q.st.replicas() {
		fit = fit || n.Alive && n.Voter
	}
	if !fit || q.st.down {
		c.Fail("NOGOODSLAVE No suitable replica to promote")
		return
	}
	m := q.st.master
	c.s.tell(Event{Channel: "+try-failover", Text: "master " + c.s.cfg.MasterName + " " + m.Host + " " + m.port()})
	switch err := c.s.failover(q.ctx); {
	case errors.Is(err, errInProgress):
		c.Fail(err.Error())
	case err != nil:
		c.Fail("ERR failover: " + strings.ReplaceAll(err.Error(), "\n", " "))
	default:
		c.s.refresh()
		c.OK()
	}
}

func (c *client) resetMasters(_ context.Context, args [][]byte) {
	st, _ := c.s.refresh()
	n := int64(0)
	if st.known && globMatch(string(args[2]), c.s.cfg.MasterName) {
		n = 1
	}
	c.Int(n)
}

// isMasterDown answers the question one Sentinel asks another before a vote. The
// endpoint has no vote, so it never agrees that the master is down.
func (c *client) isMasterDown(_ context.Context, args [][]byte) {
	for _, a := range args[3:5] {
		if _, err := strconv.ParseInt(string(a), 10, 64); err != nil {
			c.Fail("ERR value is not an integer or out of range")
			return
		}
	}
	c.Array(3)
	c.Int(0)
	c.Bulk("*")
	c.Int(0)
}

func (c *client) set(_ context.Context, args [][]byte) {
	st, _ := c.s.refresh()
	if !st.known || string(args[2]) != c.s.cfg.MasterName {
		c.Fail(noSuchMaster)
		return
	}
	c.change(func(s settings) (settings, string) { return s.set(args[3:]) })
}

// change applies a function to the settings.
func (c *client) change(apply func(settings) (settings, string)) {
	c.s.mu.Lock()
	changed, text := apply(c.s.settings)
	c.s.settings = changed
	c.s.mu.Unlock()
	if text != "" {
		c.Fail(text)
		return
	}
	c.OK()
}

func (c *client) debug(_ context.Context, args [][]byte) {
	if len(args) > 2 {
		c.change(func(s settings) (settings, string) { return s.setDebug(args[2:]) })
		return
	}
	_, set := c.s.refresh()
	fields := make([]field, 0, len(debugNames))
	for _, name := range debugNames {
		fields = append(fields, field{name, strconv.FormatInt(set.debug[name], 10)})
	}
	c.Out = appendFields(c.Out, c.Proto, fields)
}

// globals are the parameters of SENTINEL CONFIG in Redis's order. Host names are
// always kept as names, which is what the first two say.
var globals = []field{
	{"resolve-hostnames", "yes"},
	{"announce-hostnames", "yes"},
	{"announce-ip", ""},
	{"announce-port", "0"},
	{"sentinel-user", ""},
	{"sentinel-pass", ""},
}

func (c *client) config(_ context.Context, args [][]byte) {
	switch strings.ToLower(string(args[2])) {
	case "get":
		if len(args) != 4 {
			break
		}
		var found []field
		for _, g := range globals {
			if globMatch(strings.ToLower(string(args[3])), g.name) {
				found = append(found, g)
			}
		}
		c.Out = appendFields(c.Out, c.Proto, found)
		return
	case "set":
		if len(args) != 5 {
			break
		}
		for _, g := range globals {
			if strings.EqualFold(g.name, string(args[3])) {
				c.Fail("ERR SENTINEL CONFIG SET " + g.name + " is not possible: pingd takes it from its flags " +
					"(--advertise, --sentinel-addr, --secret-file)")
				return
			}
		}
		c.Fail("ERR Invalid argument '" + string(args[3]) + "' to SENTINEL CONFIG SET")
		return
	}
	c.Fail("ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.")
}

// infoCache replies, per master named, with its name and an array of [age, INFO]
// for the master and each replica.
func (c *client) infoCache(_ context.Context, args [][]byte) {
	st, _ := c.s.refresh()
	found := st.known && slices.ContainsFunc(args[2:], func(a []byte) bool { return string(a) == c.s.cfg.MasterName })
	if !found {
		c.Array(0)
		return
	}
	c.Out = resp.AppendArray(c.Out, 2) // in RESP3 too
	c.Bulk(c.s.cfg.MasterName)
	nodes := append([]Node{st.master}, st.replicas()...)
	c.Array(len(nodes))
	for i, n := range nodes {
		c.Array(2)
		c.Int(max(n.LastContact, 0).Milliseconds())
		role := "role:master\r\nconnected_slaves:" + strconv.Itoa(len(nodes)-1)
		if i > 0 {
			role = "role:slave\r\nmaster_host:" + st.master.Host + "\r\nmaster_port:" + st.master.port()
		}
		c.Bulk("# Server\r\nrun_id:" + n.runID() + "\r\ntcp_port:" + n.port() + "\r\n\r\n# Replication\r\n" + role + "\r\n")
	}
}
