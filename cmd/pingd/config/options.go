package config

import (
	"slices"
	"time"
)

// The roles that --role may name, in the order of the help.
const (
	Store    = "store"
	Proxy    = "proxy"
	Counter  = "counter"
	Sentinel = "sentinel"
	Monitor  = "monitor"
	All      = "all"
)

// Roles returns every role but "all", in the order in which they are explained.
func Roles() []string { return []string{Store, Proxy, Counter, Sentinel, Monitor} }

// Options is every setting of one process. Load fills it; its zero value is not
// usable. A field's help tag is its documentation: what it is, its unit, and what
// it is for.
//
// The tag roles names the roles that a setting belongs to: given on the command
// line for a process that starts none of them, it is a mistake.
type Options struct {
	General
	StoreOptions
	SentinelOptions
	RegistryOptions
	ProxyOptions
	CounterOptions
	MonitorOptions

	// Given tells where each setting that is not at its default came from, by
	// flag name.
	Given map[string]Source `kong:"-"`

	// Secret is the content of SecretFile, or of PINGD_SECRET.
	Secret Secret `kong:"-"`

	// Command is the subcommand, empty to start the roles.
	Command Command `kong:"-"`
}

// General holds the settings of every process.
type General struct {
	Role            []string      `default:"all" placeholder:"ROLE,..." complete:"store,proxy,counter,sentinel,monitor,all" help:"What to start: any of store, proxy, counter, sentinel, monitor, or all."`
	Name            string        `placeholder:"NAME" help:"This node's name, unique in the cluster (default: the host name)."`
	Data            string        `default:"./pingd-data" placeholder:"DIR" complete:"dir" help:"Directory for all durable state. One process at a time may own it."`
	Bind            string        `default:"127.0.0.1" placeholder:"HOST" help:"Host for every listener that names none."`
	Advertise       string        `placeholder:"HOST" help:"Host that others reach this node at. A name stays a name and is looked up at each dial (default: from --bind)."`
	Join            []string      `placeholder:"HOST[:PORT],..." help:"Redis addresses of store nodes; every address that a name resolves to is tried. A store without it starts a cluster of its own."`
	SecretFile      string        `placeholder:"FILE" complete:"file" help:"File with the password of the cluster: for Redis, Sentinel, admin and between the stores. Also $PINGD_SECRET."`
	TLSCert         string        `name:"tls-cert" placeholder:"FILE" complete:"file" help:"This process's certificate (PEM, intermediate ones behind it): Redis, Raft, Sentinel and admin speak TLS. Read again when it changes."`
	TLSKey          string        `name:"tls-key" placeholder:"FILE" complete:"file" help:"The private key of --tls-cert."`
	TLSCa           string        `name:"tls-ca" placeholder:"FILE" complete:"file" help:"Certificates of the authorities that sign those of nodes and clients; a command needs no more to speak TLS."`
	TLSAuthClients  string        `name:"tls-auth-clients" default:"auto" placeholder:"WHEN" complete:"auto,yes,no,optional" help:"Whether clients of Redis, Sentinel and admin must show a certificate: yes, no, optional, or auto: optional with a secret, else yes. Nodes always must."`
	TLSName         string        `name:"tls-name" placeholder:"NAME" help:"Name that the certificates of all nodes bear, looked for instead of the address that is dialled."`
	Insecure        bool          `help:"Let Redis, Raft, Sentinel and admin listen beyond loopback without a secret or client certificates."`
	AdminAddr       string        `default:":19999" placeholder:"[HOST]:PORT" help:"Health, metrics, status and the monitor's page; off to have none."`
	AdminHost       []string      `placeholder:"NAME,..." help:"Further host names the admin listener answers to, such as that of a reverse proxy in front of it."`
	LogLevel        string        `default:"info" placeholder:"LEVEL" complete:"debug,info,warn,error" help:"debug, info, warn or error."`
	LogFormat       string        `default:"text" placeholder:"FORMAT" complete:"text,json" help:"text or json."`
	ShutdownTimeout time.Duration `default:"30s" placeholder:"TIME" help:"How long a graceful stop may take in all."`
	Config          string        `placeholder:"FILE" complete:"file" help:"File of settings, one \"flag = value\" a line, # starts a comment."`
	Check           bool          `help:"Check the configuration, print it and exit."`
}

// StoreOptions holds the settings of role store.
type StoreOptions struct {
	RedisAddr       string        `default:":6379" placeholder:"[HOST]:PORT" roles:"store" help:"Where Redis clients connect."`
	RaftAddr        string        `default:":16379" placeholder:"[HOST]:PORT" roles:"store" help:"Where the other stores connect."`
	Expect          int           `default:"0" placeholder:"N" roles:"store" help:"With --join: form one new cluster once N stores see one another; join the cluster if there is one."`
	DataSlots       bool          `roles:"store" help:"Stores share --data, as the copies of one service share a volume: take the first free one of its directories store-1, store-2 ... and its name. The first starts the cluster, the others --join it."`
	FollowerWrites  string        `default:"forward" placeholder:"HOW" roles:"store" complete:"forward,readonly,moved" help:"Writes of clients at a node that does not lead: forward them to the leader, refuse them as a readonly replica, or as moved to the leader's address."`
	LogStore        string        `default:"wal" placeholder:"KIND" roles:"store" complete:"wal,bolt" help:"Keeper of the Raft log: wal (fast) or bolt."`
	ElectionTimeout time.Duration `default:"150ms" placeholder:"TIME" roles:"store" help:"Silence of the leader that starts an election; 300ms is advised across zones."`
	StoreLeaseReads bool          `roles:"store" help:"Answer reads on the strength of the followers' last heartbeats, without asking them: faster, and right as long as clocks run alike."`
	StoreStaleBound time.Duration `default:"5s" placeholder:"TIME" roles:"store" help:"Age that the data may have that READONLY connections read."`
	StoreReserve    int           `default:"192" placeholder:"MIB" roles:"store" help:"Free space on the disk of --data, in MiB, below which writes are refused that may grow the data; 0: never."`
	StoreRemoveDead time.Duration `default:"0s" placeholder:"TIME" roles:"store" help:"Remove a store that has not answered for so long, if three voters remain and all are well; 0: never."`
}

// SentinelOptions holds the settings of the Sentinel endpoint, which every store
// has and role sentinel offers without a store.
type SentinelOptions struct {
	SentinelAddr string `default:":26379" placeholder:"[HOST]:PORT" roles:"store,sentinel" help:"Where Sentinel clients connect; off to have none."`
	MasterName   string `default:"master" placeholder:"NAME" roles:"store,sentinel" help:"Sentinel's name for the cluster."`
}

// RegistryOptions holds what proxies and the servers that register share.
type RegistryOptions struct {
	Prefix string `default:"/app/servers/" placeholder:"KEY" roles:"proxy,counter" help:"Keys in the store under which servers register."`
}

// CounterOptions holds the settings of role counter.
type CounterOptions struct {
	CounterAddr    string        `default:":8000" placeholder:"[HOST]:PORT" roles:"counter" help:"Where the proxies connect."`
	CounterKey     string        `default:"hits" placeholder:"KEY" roles:"counter" help:"Key in the store that holds the number."`
	CounterTimeout time.Duration `default:"5s" placeholder:"TIME" roles:"counter" help:"Time a visit waits for the store, a fail-over included."`
}

// Starts tells whether this process starts role. Where a store is started, role
// sentinel is not: a store brings its own Sentinel endpoint.
func (o *Options) Starts(role string) bool {
	named := func(r string) bool { return slices.Contains(o.Role, r) || slices.Contains(o.Role, All) }
	return named(role) && (role != Sentinel || !named(Store))
}

// Started returns the roles that this process starts, in the order of Roles.
func (o *Options) Started() []string {
	var started []string
	for _, r := range Roles() {
		if o.Starts(r) {
			started = append(started, r)
		}
	}
	return started
}
