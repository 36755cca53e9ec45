package config

import (
	"strings"
	"testing"
	"time"
)

// valid returns options without a mistake: the defaults.
func valid(t testing.TB, args ...string) Options {
	t.Helper()
	l := Load(append([]string{"--name=n1"}, args...), Sources{})
	if len(l.Problems) > 0 {
		t.Fatalf("options of %q: %v", args, l.Problems)
	}
	return l.Options
}

func TestValidateDefaults(t *testing.T) {
	if p := Validate(valid(t)); p != nil {
		t.Fatalf("the defaults break rules: %v", p)
	}
}

// A proxy alone may have servers for connections, or for a route, and no others.
func TestProxyWithServersOfOneKind(t *testing.T) {
	for _, servers := range []string{"--backend=10.0.0.7:80", "--route=/a=10.0.0.7:80", "--proxy-tcp=:2525=10.0.0.7:25"} {
		if p := Load([]string{"--name=n1", "--role=proxy", servers}, Sources{}).Problems; p != nil {
			t.Errorf("%s: %v", servers, p)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		mutate func(*Options)
		want   string // of the problem's text: where, rule and hint
		hint   string
	}{
		{name: "no role", mutate: func(o *Options) { o.Role = nil }, want: "names no role", hint: "--role=all"},
		{name: "unknown role", mutate: func(o *Options) { o.Role = []string{"stroe"} }, want: `--role=stroe: "stroe" is no role`, hint: "--role=store"},
		{name: "no name", mutate: func(o *Options) { o.Name = "" }, want: "--name='': must be 1 to 63", hint: "--name=node1"},
		{name: "name with a slash", mutate: func(o *Options) { o.Name = "a/b" }, want: "--name=a/b", hint: "--name=node1"},
		{name: "name begins with a dash", mutate: func(o *Options) { o.Name = "-a" }, want: "--name=-a"},
		{name: "long name", mutate: func(o *Options) { o.Name = strings.Repeat("a", 64) }, want: "must be 1 to 63"},
		{name: "no data", mutate: func(o *Options) { o.Data = "" }, want: "--data='': names no directory"},
		{name: "bind is no host", mutate: func(o *Options) { o.Bind = "1.2.3.4.5" }, want: "--bind=1.2.3.4.5: host is neither", hint: "--bind=127.0.0.1"},
		{name: "bind with a port", mutate: func(o *Options) { o.Bind = "127.0.0.1:80" }, want: "host is neither"},
		{name: "bind to all without a secret", mutate: func(o *Options) { o.Bind = "0.0.0.0" }, want: "without a secret, everybody who reaches", hint: "--secret-file=pingd.secret"},
		{name: "one listener to all", mutate: func(o *Options) { o.RaftAddr = "0.0.0.0:16379" }, want: "--raft-addr: without a secret", hint: "or --insecure"},
		{name: "a name is not loopback", mutate: func(o *Options) { o.RedisAddr = "db1:6379" }, want: "db1:6379 (--redis-addr)"},
		{name: "advertise nothing", mutate: func(o *Options) { o.Advertise = "0.0.0.0" }, want: "no other machine can reach", hint: "--advertise=10.0.0.1"},
		{name: "advertise a port", mutate: func(o *Options) { o.Advertise = "h:1" }, want: "the ports are those of the listeners"},
		{name: "join nothing", mutate: func(o *Options) { o.Join = []string{"h1", ":6379"} }, want: `":6379": names no host`},
		{name: "join a word", mutate: func(o *Options) { o.Join = []string{"redis://h1"} }, want: `"redis://h1"`, hint: "--join=10.0.0.1:6379"},
		{name: "join port 0", mutate: func(o *Options) { o.Join = []string{"h1:0"} }, want: "from 1 to 65535"},
		{name: "admin host", mutate: func(o *Options) { o.AdminHost = []string{"a b"} }, want: `--admin-host='a b'`},
		{name: "log level", mutate: func(o *Options) { o.LogLevel = "warning" }, want: "must be one of info, debug, warn, error", hint: "--log-level=warn"},
		{name: "log format", mutate: func(o *Options) { o.LogFormat = "xml" }, want: "--log-format=xml: must be one of text, json", hint: "--log-format=text"},
		{name: "shutdown", mutate: func(o *Options) { o.ShutdownTimeout = 0 }, want: "must be from 1s to 1h"},
		{name: "certificate without a key", args: []string{"--tls-cert=c"}, want: "--tls-cert=c: needs its private key", hint: "--tls-key=node.key"},
		{name: "key without a certificate", args: []string{"--tls-key=k"}, want: "--tls-key=k: needs the certificate", hint: "--tls-cert=node.crt"},
		{name: "authorities alone for a server", args: []string{"--tls-ca=a"}, want: "--tls-ca=a: makes this process speak TLS, and its listeners have no certificate"},
		{name: "no way to know a node", args: []string{"--tls-cert=c", "--tls-key=k"}, want: "everybody may take part", hint: "--tls-ca=ca.crt"},
		{name: "clients by nobody", args: []string{"--tls-cert=c", "--tls-key=k", "--tls-auth-clients=yes"}, want: "--tls-auth-clients=yes: needs the authorities", hint: "--tls-ca=ca.crt"},
		{name: "clients sometimes", args: []string{"--tls-cert=c", "--tls-key=k", "--tls-ca=a", "--tls-auth-clients=never"}, want: "must be one of auto, yes, no, optional"},
		{name: "clients without TLS", args: []string{"--tls-auth-clients=no"}, want: "--tls-auth-clients=no: says nothing without certificates"},
		{name: "name without TLS", args: []string{"--tls-name=a"}, want: "--tls-name=a: says nothing without certificates"},
		{name: "name is none", args: []string{"--tls-cert=c", "--tls-key=k", "--tls-ca=a", "--tls-name=a b"}, want: "--tls-name='a b'", hint: "--tls-name=pingd"},
		{name: "public with optional certificates", args: []string{"--bind=0.0.0.0", "--tls-cert=c", "--tls-key=k", "--tls-ca=a", "--tls-auth-clients=optional"}, want: "without a secret, everybody"},
		{name: "secret of two lines", mutate: func(o *Options) { o.Secret = NewSecret("a\nb") }, want: "PINGD_SECRET: the secret must be one line"},

		{name: "address without a colon", mutate: func(o *Options) { o.ProxyAddr = "80" }, want: "--proxy-addr=80: must be host:port", hint: "--proxy-addr=:80"},
		{name: "address with a word as port", mutate: func(o *Options) { o.ProxyAddr = ":http" }, want: "port must be a number", hint: "--proxy-addr=:8080"},
		{name: "port too large", mutate: func(o *Options) { o.AdminAddr = ":70000" }, want: "port must be a number from 0 to 65535"},
		{name: "port with a sign", mutate: func(o *Options) { o.AdminAddr = ":+80" }, want: "port must be a number"},
		{name: "redis cannot be off", mutate: func(o *Options) { o.RedisAddr = Off }, want: "--redis-addr=off: must be host:port"},
		{name: "two on one port", mutate: func(o *Options) { o.CounterAddr = ":8080" }, want: "is the same address as that of --proxy-addr, 127.0.0.1:8080", hint: "--counter-addr=:8000"},
		{name: "monitor without admin", mutate: func(o *Options) { o.Role = []string{Monitor}; o.AdminAddr = Off }, want: "the monitor's page is on the admin listener"},

		{name: "expect without join", mutate: func(o *Options) { o.Expect = 3 }, want: "--expect=3: needs --join", hint: "--join=host1,host2,host3 --expect=3"},
		{name: "expect less than nothing", mutate: func(o *Options) { o.Expect = -1 }, want: "must be from 0 to 99"},
		{name: "follower writes", mutate: func(o *Options) { o.FollowerWrites = "no" }, want: "must be one of forward, readonly, moved", hint: "--follower-writes=forward"},
		{name: "log store", mutate: func(o *Options) { o.LogStore = "wall" }, want: "must be one of wal, bolt", hint: "--log-store=wal"},
		{name: "election timeout", mutate: func(o *Options) { o.ElectionTimeout = time.Millisecond }, want: "must be from 20ms to 1m", hint: "--election-timeout=150ms"},
		{name: "master name", mutate: func(o *Options) { o.MasterName = "my master" }, want: "--master-name='my master'"},

		{name: "backend", mutate: func(o *Options) { o.Backend = []string{"a:1", "b"} }, want: "--backend=b: "},
		{name: "backend weight", mutate: func(o *Options) { o.Backend = []string{"a:1 weight=x"} }, want: "weight"},
		{name: "backend option", mutate: func(o *Options) { o.Backend = []string{"a:1 wieght=1"} }, want: "wieght"},
		{name: "loops", mutate: func(o *Options) { o.ProxyLoops = -2 }, want: "--proxy-loops=-2: must be from -1"},
		{name: "maxconn", mutate: func(o *Options) { o.ProxyMaxconn = 0 }, want: "--proxy-maxconn=0: must be from 1"},
		{name: "retries", mutate: func(o *Options) { o.ProxyRetries = -1 }, want: "--proxy-retries=-1", hint: "--proxy-retries=2"},
		{name: "rise", mutate: func(o *Options) { o.CheckRise = 0 }, want: "--check-rise=0"},
		{name: "fall", mutate: func(o *Options) { o.CheckFall = 0 }, want: "--check-fall=0", hint: "--check-fall=5"},
		{name: "balance", args: []string{"--balance=rr"}, want: "--balance=rr: is none of roundrobin, leastconn", hint: "--balance=roundrobin"},
		{name: "sticky", args: []string{"--sticky=a;b"}, want: "--sticky='a;b': is not the name of a cookie", hint: "--sticky=server"},
		{name: "compression", args: []string{"--proxy-compress=br"}, want: "--proxy-compress=br: \"br\" is neither off nor gzip", hint: "--proxy-compress=gzip"},
		{name: "compression's level", args: []string{"--proxy-compress=gzip level=11"}, want: "level=11 is not a number from 1 to 9", hint: "--proxy-compress=gzip"},
		{name: "compression in loops", args: []string{"--proxy-compress=gzip", "--proxy-loops=2"}, want: "--proxy-loops=2: event loops do not compress", hint: "--proxy-loops=-1"},
		{name: "rate", args: []string{"--rate-limit=fast"}, want: "--rate-limit=fast: is no rate", hint: "--rate-limit='100/s burst=200'"},
		{name: "trusted", args: []string{"--proxy-trusted=10.0.0.0/8,proxy1"}, want: `"proxy1" is neither a network nor an address`},
		{name: "announced", args: []string{"--proxy-protocol=10.0.0.0/40"}, want: `"10.0.0.0/40" is neither a network nor an address`},
		{name: "TLS without a certificate", args: []string{"--proxy-tls-addr=:443"}, want: "there is no certificate to show", hint: "--proxy-cert="},
		{name: "redirection to nobody", args: []string{"--redirect-https=443"}, want: "nobody serves TLS there", hint: "--proxy-cert="},
		{name: "a port for nothing", args: []string{"--proxy-tcp=:5432"}, want: "is not an address and what it is for", hint: "--proxy-tcp=:5432=10.0.0.5:5432"},
		{name: "cookies of connections", args: []string{"--proxy-tcp=:5432=a:1 sticky=x"}, want: "sticky is for HTTP"},
		{name: "paths of connections", args: []string{"--proxy-tcp=:5432=a:1 balance=hash:path"}, want: "there is only the client to go by"},
		{name: "connections on a port that is taken", args: []string{"--proxy-tcp=:8080=a:1"}, want: "is the same address as that of --proxy-addr"},
		{name: "connections without a store", args: []string{"--role=proxy", "--backend=a:1", "--proxy-tcp=:5432=/db/"}, want: "servers register in a store, and none is named", hint: "--join=127.0.0.1:6379"},
		{name: "certificates kept nowhere", args: []string{"--role=proxy", "--backend=a:1", "--proxy-acme=a.example.org"}, want: "certificates are kept in a store, and none is named", hint: "--join=127.0.0.1:6379"},
		{name: "a certificate for any name", args: []string{"--proxy-acme=*.example.org"}, want: `"*.example.org" is not a host name that an authority could ask for`},
		{name: "a certificate for an address", args: []string{"--proxy-acme=10.0.0.1"}, want: `"10.0.0.1" is not a host name`},
		{name: "a certificate for this machine", args: []string{"--proxy-acme=localhost"}, want: `"localhost" is not a host name`},
		{name: "an authority without TLS", args: []string{"--proxy-acme-directory=http://a/dir"}, want: "is not a URL of https"},
		{name: "handover of everything", args: []string{"--proxy-handover=/run/s"}, want: "the other roles of this process cannot run twice at a time", hint: "--role=proxy"},
		{name: "a weight that is none", args: []string{"weight", "app1", "1000"}, want: "the weight is none from 0 to 256"},
		{name: "TLS where plain is", args: []string{"--proxy-cert=x.pem", "--proxy-tls-addr=:8080"}, want: "is the same address as that of --proxy-addr"},
		{name: "route to nowhere", args: []string{"--route=shop.example.org"}, want: "does not say where to", hint: "--route=shop.example.org/=/app/shop/"},
		{name: "route to no server", args: []string{"--route=/=host"}, want: `"host" is not host:port`},
		{name: "route twice", args: []string{"--route=/a=/app/a/", "--route=/a/=/app/b/"}, want: "another route is for /a/ too"},
		{name: "service twice", args: []string{"--route=/a=/app/a/", "--route=/b=/app/a balance=random"}, want: "another route to /app/a/ picks servers in another way"},
		{name: "route to the default", args: []string{"--route=/a=/app/servers/"}, want: "these are the servers of --prefix"},
		{name: "route without a store", args: []string{"--role=proxy", "--route=/a=/app/a/"}, want: "servers register in a store, and none is named", hint: "--join=127.0.0.1:6379, or /a/=host:port"},
		{name: "fast interval", mutate: func(o *Options) { o.CheckFastInterval = 0 }, want: "--check-fast-interval=0s: must be from 10ms to 1h"},
		{name: "slowstart", mutate: func(o *Options) { o.Slowstart = -1 }, want: "must be from 0s to 1h"},
		{name: "queue", mutate: func(o *Options) { o.TimeoutQueue = 0 }, want: "--timeout-queue=0s: must be from 1ms"},
		{name: "access log format", args: []string{"--access-log-format=clf"}, want: "must be one of text, json"},
		{name: "check longer than its interval", mutate: func(o *Options) { o.CheckTimeout = 3 * time.Second }, want: "is longer than the time between two checks, --check-interval=2s", hint: "--check-timeout=2s"},
		{name: "grace longer than the stop", mutate: func(o *Options) { o.ProxyGrace = time.Minute }, want: "is longer than the whole stop may take, --shutdown-timeout=30s", hint: "--shutdown-timeout=1m10s"},
		{name: "timeout", mutate: func(o *Options) { o.TimeoutConnect = -time.Second }, want: "--timeout-connect=-1s"},
		{name: "access log", mutate: func(o *Options) { o.AccessLog = "" }, want: "--access-log='': names no file", hint: "--access-log=-"},
		{name: "prefix", mutate: func(o *Options) { o.Prefix = "" }, want: "--prefix=''", hint: "--prefix=/app/servers/"},
		{name: "counter key", mutate: func(o *Options) { o.CounterKey = "two words" }, want: "--counter-key='two words'", hint: "--counter-key=hits"},
		{name: "counter timeout", mutate: func(o *Options) { o.CounterTimeout = 0 }, want: "--counter-timeout=0s: must be from 100ms to 1h"},

		{name: "counter alone", mutate: func(o *Options) { o.Role = []string{Counter} }, want: "a counter needs a store", hint: "--join=127.0.0.1:6379, or --role=counter,store"},
		{name: "sentinel alone", mutate: func(o *Options) { o.Role = []string{Sentinel} }, want: "a sentinel without a store"},
		{name: "proxy alone", mutate: func(o *Options) { o.Role = []string{Proxy} }, want: "the proxy has no server to forward to", hint: "--backend=127.0.0.1:8000, or --join"},
		{name: "flag of another role", args: []string{"--role=store", "--master-name=m"}, mutate: func(o *Options) {
			o.Given["proxy-addr"] = Source{Kind: FromFlag}
		}, want: "--proxy-addr: belongs to role proxy, which is not started", hint: "--role=store,proxy, or leave --proxy-addr out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			problems := Load(append([]string{"--name=n1"}, tt.args...), Sources{}).Problems
			if tt.mutate != nil {
				o := valid(t, tt.args...)
				tt.mutate(&o)
				problems = Validate(o)
			}
			if len(problems) != 1 {
				t.Fatalf("got %d problems, want 1: %v", len(problems), problems)
			}
			if got := problems[0].Error(); !strings.Contains(got, tt.want) {
				t.Errorf("got %q\nwant %q in it", got, tt.want)
			}
			if problems[0].Hint == "" || !strings.Contains(problems[0].Hint, tt.hint) {
				t.Errorf("hint %q, want %q in it", problems[0].Hint, tt.hint)
			}
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	tests := []struct {
		name   string
		mutate func(*Options)
	}{
		{"loopback of IPv6", func(o *Options) { o.Bind = "::1" }},
		{"loopback by name", func(o *Options) { o.Bind = "localhost" }},
		{"another loopback address", func(o *Options) { o.Bind = "127.0.0.7" }},
		{"all with a secret", func(o *Options) { o.Bind = "0.0.0.0"; o.Secret = NewSecret("s") }},
		{"all, insecure", func(o *Options) { o.Bind = "[::]"; o.Insecure = true }},
		{"the public may reach the proxy and the counter", func(o *Options) { o.ProxyAddr = "0.0.0.0:80"; o.CounterAddr = "0.0.0.0:8000" }},
		{"any free port, several times", func(o *Options) { o.ProxyAddr, o.CounterAddr, o.AdminAddr = ":0", ":0", ":0" }},
		{"no admin, no sentinel", func(o *Options) { o.AdminAddr, o.SentinelAddr = Off, Off }},
		{"what is off is not exposed", func(o *Options) {
			o.Role, o.AdminAddr, o.Bind, o.Backend = []string{Proxy}, Off, "0.0.0.0", []string{"a:1"}
		}},
		{"a proxy with a server needs no store", func(o *Options) {
			o.Role, o.Backend = []string{Proxy}, []string{"a:1 weight=2 check=/h idempotency=key retry=connect"}
		}},
		{"a monitor needs nobody", func(o *Options) { o.Role = []string{Monitor} }},
		{"a counter with a store elsewhere", func(o *Options) { o.Role, o.Join = []string{Counter}, []string{"h1", "[::1]:6380", "fe80::1"} }},
		{"same port on two hosts", func(o *Options) { o.ProxyAddr, o.CounterAddr = "127.0.0.1:80", "127.0.0.2:80" }},
		{"settings of other roles in the environment", func(o *Options) {
			o.Role, o.Join = []string{Counter}, []string{"h1"}
			o.Given["expect"] = Source{Kind: FromEnv, Name: "PINGD_EXPECT"}
			o.Given["proxy-addr"] = Source{Kind: FromFile, Name: "f", Line: 1}
		}},
		{"all with certificates of clients", func(o *Options) { o.Bind, o.TLSCert, o.TLSKey, o.TLSCa = "0.0.0.0", "c", "k", "a" }},
		{"certificates of the system, and a secret", func(o *Options) { o.TLSCert, o.TLSKey, o.Secret = "c", "k", NewSecret("s") }},
		{"a command with authorities alone", func(o *Options) { o.TLSCa, o.Command.Name = "a", "status" }},
		{"a proxy without listeners of its own cluster", func(o *Options) {
			o.Role, o.AdminAddr, o.Join, o.TLSCa = []string{Proxy}, Off, []string{"h1"}, "a"
		}},
		{"two roles", func(o *Options) { o.Role = []string{Store, Sentinel} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := valid(t)
			tt.mutate(&o)
			if p := Validate(o); p != nil {
				t.Errorf("got %v", p)
			}
		})
	}
}

func TestAuthClients(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, AuthNo},
		{[]string{"--tls-cert=c", "--tls-key=k", "--tls-ca=a"}, AuthYes},
		{[]string{"--tls-cert=c", "--tls-key=k", "--tls-ca=a", "--secret-file=s"}, AuthOptional},
		{[]string{"--tls-cert=c", "--tls-key=k", "--tls-ca=a", "--secret-file=s", "--tls-auth-clients=yes"}, AuthYes},
		{[]string{"--tls-cert=c", "--tls-key=k", "--tls-ca=a", "--tls-auth-clients=no"}, AuthNo},
		{[]string{"--tls-cert=c", "--tls-key=k", "--secret-file=s"}, AuthNo},
	} {
		l := Load(append([]string{"--name=n1"}, tt.args...), from(map[string]string{"s": "hush"}))
		if got := l.Options.AuthClients(); got != tt.want || len(l.Problems) > 0 {
			t.Errorf("%q: got %s %v, want %s", tt.args, got, l.Problems, tt.want)
		}
	}
}

func TestValidateTellsEverything(t *testing.T) {
	o := valid(t)
	o.Name, o.LogLevel, o.ProxyAddr, o.CheckRise, o.LogStore = "", "loud", "x", 0, "paper"
	if p := Validate(o); len(p) != 5 {
		t.Errorf("got %d problems, want 5: %v", len(p), p)
	}
}

func TestHintSpeaksTheLanguageOfItsPlace(t *testing.T) {
	o := valid(t)
	o.CheckRise = 0
	for _, tt := range []struct {
		at   Source
		want string
	}{
		{Source{Kind: FromFlag}, "--check-rise=2"},
		{Source{Kind: FromEnv, Name: "PINGD_CHECK_RISE"}, "PINGD_CHECK_RISE=2"},
		{Source{Kind: FromFile, Name: "pingd.conf", Line: 7}, "pingd.conf:7: check-rise = 2"},
	} {
		o.Given["check-rise"] = tt.at
		p := Validate(o)
		if len(p) != 1 || p[0].Hint != tt.want {
			t.Errorf("from %v: got %v, want hint %q", tt.at, p, tt.want)
		}
	}
}

func TestStarts(t *testing.T) {
	tests := []struct {
		roles []string
		want  string
	}{
		{[]string{All}, "store proxy counter monitor"},
		{[]string{Sentinel}, "sentinel"},
		{[]string{Sentinel, Store}, "store"},
		{[]string{Monitor, Proxy}, "proxy monitor"},
	}
	for _, tt := range tests {
		o := Options{General: General{Role: tt.roles}}
		if got := strings.Join(o.Started(), " "); got != tt.want {
			t.Errorf("roles %v start %q, want %q", tt.roles, got, tt.want)
		}
	}
}

func TestListeners(t *testing.T) {
	o := valid(t, "--role=store", "--sentinel-addr=off", "--bind=::1", "--raft-addr=127.0.0.2:1")
	var got []string
	for _, l := range o.Listeners() {
		got = append(got, l.Flag+" "+l.Addr)
	}
	if want := "admin-addr [::1]:19999, redis-addr [::1]:6379, raft-addr 127.0.0.2:1"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
