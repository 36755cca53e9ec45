package sentinel

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/kv/resp"
)

const badClientName = "ERR Client names cannot contain spaces, newlines or special characters."

// maxName bounds what a client may call itself, which CLIENT LIST shows to all.
const maxName = 1024

func validName(name string) bool {
	for i := range len(name) {
		if name[i] < '!' || name[i] > '~' {
			return false
		}
	}
	return len(name) <= maxName
}

// client serves the subcommands of CLIENT that libraries send to a Sentinel.
func (c *client) client(_ context.Context, args [][]byte) {
	sub := strings.ToLower(string(args[1]))
	want := map[string]int{
		"id": 2, "getname": 2, "setname": 3, "setinfo": 4, "info": 2, "list": -2, "no-evict": 3, "no-touch": 3, "help": 2,
	}
	arity, ok := want[sub]
	switch {
	case !ok:
		c.fail("ERR unknown subcommand '" + string(args[1][:min(len(args[1]), 128)]) + "'. Try CLIENT HELP.")
		return
	case !command{arity: arity}.accepts(len(args)):
		c.fail("ERR wrong number of arguments for 'client|" + sub + "' command")
		return
	}
	switch sub {
	case "id":
		c.out = resp.AppendInt(c.out, c.id)
	case "getname":
		if c.name == "" {
			c.out = resp.AppendNull(c.out, c.proto)
			return
		}
		c.bulk(c.name)
	case "setname":
		if !validName(string(args[2])) {
			c.fail(badClientName)
			return
		}
		c.name = string(args[2])
		c.ok()
	case "setinfo":
		c.setInfo(string(args[2]), string(args[3]))
	case "info", "list":
		// Only the caller's own line: the others' state belongs to their
		// goroutines, and no client of Sentinel needs it.
		c.bulk(c.line())
	case "help":
		c.lines("CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
			"GETNAME", "ID", "INFO", "LIST", "NO-EVICT (ON|OFF)", "NO-TOUCH (ON|OFF)",
			"SETINFO (LIB-NAME|LIB-VER) <value>", "SETNAME <name>", "HELP", "    Prints this help.")
	default:
		c.ok()
	}
}

func (c *client) setInfo(option, value string) {
	switch {
	case !validName(value):
		c.fail("ERR " + strings.ToLower(option) + " cannot contain spaces, newlines or special characters.")
	case strings.EqualFold(option, "lib-name"):
		c.libName = value
		c.ok()
	case strings.EqualFold(option, "lib-ver"):
		c.libVer = value
		c.ok()
	default:
		c.fail("ERR Unrecognized option '" + option + "'")
	}
}

func (c *client) line() string {
	return fmt.Sprintf("id=%d addr=%s laddr=%s name=%s age=%d db=0 sub=%d psub=%d user=default resp=%d lib-name=%s lib-ver=%s\n",
		c.id, c.conn.RemoteAddr(), c.conn.LocalAddr(), c.name, int(time.Since(c.started).Seconds()),
		len(c.subs.names(false)), len(c.subs.names(true)), c.proto, c.libName, c.libVer)
}

// lines replies with an array of status lines, as all HELP subcommands do.
func (c *client) lines(text ...string) {
	c.out = resp.AppendArray(c.out, len(text))
	for _, t := range text {
		c.status(t)
	}
}

// command serves as much of COMMAND as interactive clients ask for.
func (c *client) command(_ context.Context, args [][]byte) {
	table := commandTable()
	names := slices.Sorted(maps.Keys(table))
	sub := ""
	if len(args) > 1 {
		sub = strings.ToLower(string(args[1]))
	}
	switch sub {
	case "":
		c.out = resp.AppendArray(c.out, len(names))
		for _, n := range names {
			c.describe(n, table[n])
		}
	case "count":
		c.out = resp.AppendInt(c.out, int64(len(names)))
	case "list":
		c.out = resp.AppendArray(c.out, len(names))
		for _, n := range names {
			c.bulk(n)
		}
	case "docs":
		c.out = resp.AppendMap(c.out, c.proto, 0)
	case "info":
		c.out = resp.AppendArray(c.out, len(args)-2)
		for _, a := range args[2:] {
			if cmd, ok := lookup(table, a); ok {
				c.describe(strings.ToLower(string(a)), cmd)
			} else {
				c.out = resp.AppendNullArray(c.out, c.proto)
			}
		}
	default:
		c.fail("ERR unknown subcommand '" + string(args[1][:min(len(args[1]), 128)]) + "'. Try COMMAND HELP.")
	}
}

// describe appends a command's name, arity, flags and key positions (none).
func (c *client) describe(name string, cmd command) {
	c.out = resp.AppendArray(c.out, 6)
	c.bulk(name)
	c.out = resp.AppendInt(c.out, int64(cmd.arity))
	c.out = resp.AppendArray(c.out, 0)
	for range 3 {
		c.out = resp.AppendInt(c.out, 0)
	}
}

// redisVersion is the version whose behaviour this package has.
const redisVersion = "7.0.15"

// info serves INFO with the sections a Sentinel has.
func (c *client) info(_ context.Context, args [][]byte) {
	st, _ := c.s.refresh()
	want := map[string]bool{}
	for _, a := range args[1:] {
		want[strings.ToLower(string(a))] = true
	}
	all := len(want) == 0 || want["default"] || want["all"] || want["everything"]
	var parts []string
	for _, section := range []struct{ name, text string }{
		{"server", c.s.infoServer()},
		{"clients", c.s.infoClients()},
		{"stats", c.s.infoStats()},
		{"sentinel", c.s.infoSentinel(st)},
	} {
		if all || want[section.name] {
			parts = append(parts, section.text)
		}
	}
	c.bulk(strings.Join(parts, "\r\n")) // in RESP3 too, unlike a node
}

func infoLines(title string, lines ...string) string {
	return "# " + title + "\r\n" + strings.Join(lines, "\r\n") + "\r\n"
}

func (s *Server) infoServer() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	up := time.Since(s.started)
	return infoLines("Server", "redis_version:"+redisVersion, "redis_mode:sentinel", "run_id:"+s.myID(),
		"tcp_port:"+port, "uptime_in_seconds:"+strconv.Itoa(int(up.Seconds())),
		"uptime_in_days:"+strconv.Itoa(int(up.Hours()/24)))
}

func (s *Server) infoClients() string {
	s.mu.Lock()
	n := len(s.clients)
	s.mu.Unlock()
	return infoLines("Clients", "connected_clients:"+strconv.Itoa(n), "maxclients:"+strconv.Itoa(s.cfg.MaxClients))
}

func (s *Server) infoStats() string {
	u := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return infoLines("Stats", "total_connections_received:"+u(s.accepted.Load()),
		"total_commands_processed:"+u(s.commands.Load()), "rejected_connections:"+u(s.refused.Load()))
}

// infoSentinel has the line master0, by which set-ups find the master.
func (s *Server) infoSentinel(st state) string {
	lines := []string{
		"sentinel_masters:0", "sentinel_tilt:0", "sentinel_tilt_since_seconds:-1", "sentinel_running_scripts:0",
		"sentinel_scripts_queue_length:0", "sentinel_simulate_failure_flags:0",
	}
	if st.known {
		status := "ok"
		if st.down {
			status = "odown"
		}
		lines[0] = "sentinel_masters:1"
		lines = append(lines, fmt.Sprintf("master0:name=%s,status=%s,address=%s,slaves=%d,sentinels=%d",
			s.cfg.MasterName, status, st.master.addr(), len(st.replicas()), len(st.others())+1))
	}
	return infoLines("Sentinel", lines...)
}
