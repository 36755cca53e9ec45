package config

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// nameLimit is the longest name of a node, in bytes: that of a host name's label.
const nameLimit = 63

func (v *validator) general() {
	o := v.o
	if !isName(o.Name) {
		v.bad("name", o.Name, "must be 1 to 63 letters, digits, dots, dashes and underscores, and begin with a letter or digit", "node1")
	}
	if o.Data == "" {
		v.bad("data", o.Data, "names no directory", "./pingd-data")
	}
	if rule := checkHost(strings.Trim(o.Bind, "[]")); rule != "" {
		v.bad("bind", o.Bind, rule, "127.0.0.1")
	}
	if o.Advertise != "" {
		if rule := checkHost(strings.Trim(o.Advertise, "[]")); rule != "" {
			v.bad("advertise", o.Advertise, rule+"; the ports are those of the listeners", "10.0.0.1")
		} else if ip := net.ParseIP(strings.Trim(o.Advertise, "[]")); ip != nil && ip.IsUnspecified() {
			v.bad("advertise", o.Advertise, "no other machine can reach this address", "10.0.0.1")
		}
	}
	for _, a := range o.Join {
		if rule := checkRemote(withPort(a)); rule != "" {
			v.bad("join", strings.Join(o.Join, ","), strconv.Quote(a)+": "+rule, "10.0.0.1:"+DefaultRedisPort)
		}
	}
	for _, h := range o.AdminHost {
		if rule := checkHost(strings.Trim(h, "[]")); rule != "" {
			v.bad("admin-host", strings.Join(o.AdminHost, ","), strconv.Quote(h)+": "+rule, "pingd.example.org")
		}
	}
	v.oneOf("log-level", o.LogLevel, "info", "debug", "warn", "error")
	v.oneOf("log-format", o.LogFormat, "text", "json")
	v.duration("shutdown-timeout", o.ShutdownTimeout, time.Second, time.Hour, "30s")
	if s := o.Secret.Reveal(); strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		v.advise(v.secretFrom(), "the secret must be one line of text", "head -c 24 /dev/urandom | base64")
	}
}

func (v *validator) secretFrom() string {
	if v.o.SecretFile == "" {
		return SecretVariable
	}
	return v.spell("secret-file", v.o.SecretFile)
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= nameLimit
}

// listener is one address that this process may bind.
type listener struct {
	flag, addr string
	private    bool // carries the cluster's own traffic: not for the public
	mayBeOff   bool
}

// Listener is one address that a process binds.
type Listener struct {
	Flag string // that sets it, without dashes
	Addr string // host:port
}

// Key tells listeners apart: --proxy-tcp may be given several times.
func (l Listener) Key() string {
	if l.Flag == "proxy-tcp" {
		return l.Flag + " " + l.Addr
	}
	return l.Flag
}

// Listeners returns what the roles that are started listen on, admin first.
func (o *Options) Listeners() []Listener {
	var all []Listener
	for _, l := range o.listening() {
		if l.addr != Off {
			all = append(all, Listener{l.flag, o.HostPort(l.addr)})
		}
	}
	return all
}

// listening returns the listeners of the roles that are started. The proxy's and
// the counter's are meant for visitors and proxies anywhere; the others hand the
// data, or a picture of the whole cluster, to whoever connects.
func (o *Options) listening() []listener {
	all := []listener{{flag: "admin-addr", addr: o.AdminAddr, private: true, mayBeOff: true}}
	if o.Starts(Store) {
		all = append(all, listener{flag: "redis-addr", addr: o.RedisAddr, private: true}, listener{flag: "raft-addr", addr: o.RaftAddr, private: true})
	}
	if o.Starts(Store) || o.Starts(Sentinel) {
		all = append(all, listener{flag: "sentinel-addr", addr: o.SentinelAddr, private: true, mayBeOff: true})
	}
	if o.Starts(Proxy) {
		all = append(all, listener{flag: "proxy-addr", addr: o.ProxyAddr})
		for _, l := range o.TCPListeners() {
			all = append(all, listener{flag: "proxy-tcp", addr: l.Addr})
		}
	}
	if o.ServesTLS() {
		all = append(all, listener{flag: "proxy-tls-addr", addr: o.ProxyTLSAddr})
	}
	if o.Starts(Counter) {
		all = append(all, listener{flag: "counter-addr", addr: o.CounterAddr})
	}
	return all
}

// listeners validates addresses, and that no two are the same.
func (v *validator) listeners() {
	taken := map[string]listener{}
	for _, l := range v.o.listening() {
		if l.addr == Off && l.mayBeOff {
			continue
		}
		if rule := checkAddr(l.addr); rule != "" {
			example := defaultOf(l.flag)
			if checkPort(l.addr, 0) == "" {
				example = ":" + l.addr
			}
			v.bad(l.flag, l.addr, rule, example)
			continue
		}
		addr := v.o.HostPort(l.addr)
		if strings.HasSuffix(addr, ":0") {
			continue // any free port
		}
		if other, ok := taken[addr]; ok && v.o.Command.Name == "" {
			v.advise(v.spell(l.flag, l.addr), "is the same address as that of --"+other.flag+", "+addr, v.spell(l.flag, defaultOf(l.flag)))
		}
		taken[addr] = l
	}
	if v.o.AdminAddr == Off && contains(v.o.Role, Monitor) {
		v.bad("admin-addr", Off, "the monitor's page is on the admin listener", defaultOf("admin-addr"))
	}
}

// defaultOf returns the default of a flag.
func defaultOf(flag string) string {
	f, _ := newModel(&grammar{}).setting(flag)
	return f.Default
}

// exposure refuses to open the cluster's own listeners to other machines without
// a secret or certificates of clients.
func (v *validator) exposure() {
	o := v.o
	if o.Secret.Set() || o.AuthClients() == AuthYes || o.Insecure || o.Command.Name != "" {
		return
	}
	var open, flags []string
	for _, l := range o.listening() {
		addr := o.HostPort(l.addr)
		if l.private && l.addr != Off && checkAddr(addr) == "" && !loopback(addr) {
			open, flags = append(open, addr), append(flags, "--"+l.flag)
		}
	}
	if len(open) == 0 {
		return
	}
	where := flags[0]
	hint := "--secret-file=pingd.secret, made by " + makeSecret("pingd.secret") + "; or --tls-cert, --tls-key and --tls-ca; or --insecure in a closed network"
	if at, ok := o.Given["bind"]; ok {
		where = v.spell("bind", o.Bind)
		if at.Kind == FromEnv {
			hint = SecretVariable + "=..., as of: head -c 24 /dev/urandom | base64; or " + envName("insecure") + "=true in a closed network"
		}
	}
	v.advise(where, "without a secret, everybody who reaches "+strings.Join(open, ", ")+" ("+strings.Join(flags, ", ")+") could read and change everything; --proxy-addr and --counter-addr are for the public and need none", hint)
}

func (v *validator) store() {
	o := v.o
	if !o.Starts(Store) {
		return
	}
	v.count("expect", o.Expect, 0, 99, "3")
	if o.Expect > 0 && len(o.Join) == 0 {
		v.advise(v.spell("expect", o.Expect), "needs --join, to know where the others are", "--join=host1,host2,host3 --expect="+strconv.Itoa(max(o.Expect, 1)))
	}
	v.slots()
	v.oneOf("follower-writes", o.FollowerWrites, "forward", "readonly", "moved")
	v.oneOf("log-store", o.LogStore, "wal", "bolt")
	v.duration("election-timeout", o.ElectionTimeout, 20*time.Millisecond, time.Minute, "150ms")
	v.duration("store-stale-bound", o.StoreStaleBound, 500*time.Millisecond, 24*time.Hour, "5s")
	v.count("store-reserve", o.StoreReserve, 0, 1<<30, "192")
	if o.StoreRemoveDead != 0 {
		v.duration("store-remove-dead", o.StoreRemoveDead, time.Minute, 365*24*time.Hour, "72h")
	}
	if rule := checkText(o.MasterName); rule != "" {
		v.bad("master-name", o.MasterName, rule, "master")
	}
}

// slots validates what a slot decides: the name, and who starts the cluster.
func (v *validator) slots() {
	o := v.o
	if !o.DataSlots {
		return
	}
	if len(o.Join) == 0 {
		v.advise(v.spell("data-slots", true), "needs --join, for the nodes of the other slots to find the first", "--join=store, the name of the service")
	}
	const rule, hint = "is decided by the slot that --data-slots takes", "leave it out"
	if _, given := o.Given["name"]; given {
		v.advise(v.spell("name", o.Name), rule, hint)
	}
	if _, given := o.Given["expect"]; given {
		v.advise(v.spell("expect", o.Expect), rule, hint)
	}
}

// checkText returns what is wrong with a name that other programs split at white
// space, or "".
func checkText(s string) string {
	if s == "" || len(s) > 255 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "must be 1 to 255 visible ASCII characters"
	}
	return ""
}

// prefixRule holds for the keys that proxies watch and counters set.
func (v *validator) prefix() {
	if rule := checkText(v.o.Prefix); rule != "" {
		v.bad("prefix", v.o.Prefix, rule, "/app/servers/")
	}
}

func (v *validator) counter() {
	if v.o.Starts(Proxy) || v.o.Starts(Counter) {
		v.prefix()
	}
	if !v.o.Starts(Counter) {
		return
	}
	if rule := checkText(v.o.CounterKey); rule != "" {
		v.bad("counter-key", v.o.CounterKey, rule, "hits")
	}
	v.duration("counter-timeout", v.o.CounterTimeout, 100*time.Millisecond, time.Hour, "5s")
}
