package settings

import "math"

// aliases maps Redis's older names to the names they stand for.
var aliases = map[string]string{
	"hash-max-ziplist-entries":      "hash-max-listpack-entries",
	"hash-max-ziplist-value":        "hash-max-listpack-value",
	"zset-max-ziplist-entries":      "zset-max-listpack-entries",
	"zset-max-ziplist-value":        "zset-max-listpack-value",
	"list-max-ziplist-size":         "list-max-listpack-size",
	"slave-serve-stale-data":        "replica-serve-stale-data",
	"slave-read-only":               "replica-read-only",
	"slave-priority":                "replica-priority",
	"repl-ping-slave-period":        "repl-ping-replica-period",
	"min-slaves-to-write":           "min-replicas-to-write",
	"min-slaves-max-lag":            "min-replicas-max-lag",
	"lua-time-limit":                "busy-reply-threshold",
	"slave-lazy-flush":              "replica-lazy-flush",
	"slave-ignore-maxmemory":        "replica-ignore-maxmemory",
	"cluster-slave-validity-factor": "cluster-replica-validity-factor",
	"cluster-slave-no-failover":     "cluster-replica-no-failover",
	"slave-announce-ip":             "replica-announce-ip",
	"slave-announce-port":           "replica-announce-port",
}

func num(value string, low, high int64) rule {
	return rule{kind: number, value: value, min: low, max: high}
}

func mem(value string, low int64) rule {
	return rule{kind: memory, value: value, min: low, max: math.MaxInt64}
}

func flag(value string) rule  { return rule{kind: yesNo, value: value} }
func str(value string) rule   { return rule{kind: text, value: value} }
func fixed(value string) rule { return rule{kind: immutable, value: value} }

func oneOf(value string, words ...string) rule {
	return rule{kind: choice, value: value, words: words}
}

const (
	maxInt  = math.MaxInt32
	maxLong = math.MaxInt64
)

// rules holds every setting with Redis 7.0's default.
var rules = map[string]rule{
	// Encodings.
	"hash-max-listpack-entries": num("512", 0, maxLong),
	"hash-max-listpack-value":   num("64", 0, maxLong),
	"zset-max-listpack-entries": num("128", 0, maxLong),
	"zset-max-listpack-value":   num("64", 0, maxLong),
	"list-max-listpack-size":    num("-2", -maxInt, maxInt),
	"list-compress-depth":       num("0", 0, maxInt),
	"set-max-intset-entries":    num("512", 0, maxLong),
	"stream-node-max-bytes":     mem("4096", 0),
	"stream-node-max-entries":   num("100", 0, maxLong),
	"hll-sparse-max-bytes":      mem("3000", 0),

	// Limits and protocol.
	"proto-max-bulk-len":        mem("536870912", 1<<20),
	"client-query-buffer-limit": mem("1073741824", 1<<20),
	"client-output-buffer-limit": {
		kind: buffers, value: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
	},
	"sanitize-dump-payload":   oneOf("no", "no", "yes", "clients"),
	"tracking-table-max-keys": num("1000000", 0, maxLong),
	"maxmemory":               mem("0", 0),
	"maxmemory-clients":       mem("0", 0),
	"maxmemory-samples":       num("5", 1, maxInt),
	"maxmemory-policy": oneOf("noeviction", "volatile-lru", "volatile-lfu", "volatile-random",
		"volatile-ttl", "allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"),
	"busy-reply-threshold":     num("5000", 0, maxLong),
	"maxclients":               num("10000", 1, math.MaxUint32),
	"timeout":                  num("0", 0, maxInt),
	"tcp-keepalive":            num("300", 0, maxInt),
	"databases":                fixed("16"),
	"hz":                       num("10", 0, maxInt),
	"lfu-log-factor":           num("10", 0, maxInt),
	"lfu-decay-time":           num("1", 0, maxInt),
	"activerehashing":          flag("yes"),
	"activedefrag":             flag("no"),
	"lazyfree-lazy-eviction":   flag("no"),
	"lazyfree-lazy-expire":     flag("no"),
	"lazyfree-lazy-server-del": flag("no"),
	"lazyfree-lazy-user-del":   flag("no"),
	"lazyfree-lazy-user-flush": flag("no"),
	"close-on-replica-write":   flag("yes"),
	"enable-debug-command":     fixed("no"),

	// Events and logs.
	"notify-keyspace-events":    {kind: flags, value: "AKE"},
	"slowlog-log-slower-than":   num("10000", -1, maxLong),
	"slowlog-max-len":           num("128", 0, maxLong),
	"latency-monitor-threshold": num("0", 0, maxLong),
	"latency-tracking":          flag("yes"),
	"loglevel":                  oneOf("notice", "debug", "verbose", "notice", "warning"),
	"logfile":                   fixed(""),

	// Persistence and replication: Raft decides these.
	"appendonly":                      flag("no"),
	"appendfsync":                     oneOf("always", "everysec", "always", "no"),
	"no-appendfsync-on-rewrite":       flag("no"),
	"aof-use-rdb-preamble":            flag("yes"),
	"auto-aof-rewrite-percentage":     num("100", 0, maxInt),
	"auto-aof-rewrite-min-size":       mem("67108864", 0),
	"save":                            str(""),
	"rdbcompression":                  flag("yes"),
	"rdbchecksum":                     fixed("yes"),
	"rdb-key-save-delay":              num("0", -maxInt, maxInt),
	"key-load-delay":                  num("0", -maxInt, maxInt),
	"stop-writes-on-bgsave-error":     flag("yes"),
	"dir":                             fixed(""),
	"dbfilename":                      str("dump.rdb"),
	"min-replicas-to-write":           num("0", 0, maxInt),
	"min-replicas-max-lag":            num("10", 0, maxInt),
	"replica-serve-stale-data":        flag("yes"),
	"replica-read-only":               flag("yes"),
	"replica-priority":                num("100", 0, maxInt),
	"replica-lazy-flush":              flag("no"),
	"replica-ignore-maxmemory":        flag("yes"),
	"replica-announce-ip":             str(""),
	"replica-announce-port":           num("0", 0, 65535),
	"repl-ping-replica-period":        num("10", 1, maxInt),
	"repl-timeout":                    num("60", 1, maxInt),
	"repl-backlog-size":               mem("1048576", 1),
	"repl-diskless-load":              oneOf("disabled", "disabled", "on-empty-db", "swapdb"),
	"repl-diskless-sync":              flag("yes"),
	"repl-diskless-sync-delay":        num("5", 0, maxInt),
	"cluster-enabled":                 fixed("no"),
	"cluster-replica-validity-factor": num("10", 0, maxInt),
	"cluster-replica-no-failover":     flag("no"),

	// Access and addresses: the command line decides these.
	"requirepass":    fixed(""),
	"masterauth":     str(""),
	"masteruser":     str(""),
	"port":           fixed("0"),
	"bind":           fixed(""),
	"unixsocket":     fixed(""),
	"protected-mode": flag("no"),
	"acllog-max-len": num("128", 0, maxLong),
}
