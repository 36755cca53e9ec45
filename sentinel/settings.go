package sentinel

import (
	"maps"
	"strconv"
	"strings"
)

// settings are what SENTINEL SET and DEBUG store and show again. They steer
// nothing: Raft decides who leads. Times are in milliseconds.
type settings struct {
	quorum          int // 0 = the Raft quorum
	downAfter       int64
	failoverTimeout int64
	parallelSyncs   int
	rebootDownAfter int64
	debug           map[string]int64 // never changed in place
}

// debugNames lists the parameters of SENTINEL DEBUG in Redis's order.
var debugNames = []string{
	"INFO-PERIOD", "PING-PERIOD", "ASK-PERIOD", "PUBLISH-PERIOD", "DEFAULT-DOWN-AFTER", "DEFAULT-FAILOVER-TIMEOUT",
	"TILT-TRIGGER", "TILT-PERIOD", "SLAVE-RECONF-TIMEOUT", "MIN-LINK-RECONNECT-PERIOD", "ELECTION-TIMEOUT",
	"SCRIPT-MAX-RUNTIME", "SCRIPT-RETRY-DELAY",
}

// defaultSettings are those of Redis 7.0.
func defaultSettings() settings {
	return settings{
		downAfter: 30000, failoverTimeout: 180000, parallelSyncs: 1,
		debug: map[string]int64{
			"INFO-PERIOD": 10000, "PING-PERIOD": 1000, "ASK-PERIOD": 1000, "PUBLISH-PERIOD": 2000,
			"DEFAULT-DOWN-AFTER": 30000, "DEFAULT-FAILOVER-TIMEOUT": 180000, "TILT-TRIGGER": 2000,
			"TILT-PERIOD": 30000, "SLAVE-RECONF-TIMEOUT": 10000, "MIN-LINK-RECONNECT-PERIOD": 15000,
			"ELECTION-TIMEOUT": 10000, "SCRIPT-MAX-RUNTIME": 60000, "SCRIPT-RETRY-DELAY": 30000,
		},
	}
}

const (
	badOption  = "ERR Unknown option or number of arguments for SENTINEL "
	badScripts = "ERR Reconfiguration of scripts path is denied for security reasons: nothing here runs scripts. " +
		"Subscribe to +switch-master instead"
)

// set applies the options of SENTINEL SET. The text is Redis's error, empty if
// all were taken; on an error those before it have been applied, as in Redis.
func (s settings) set(options [][]byte) (settings, string) {
	for i := 0; i < len(options); {
		name := string(options[i])
		need := 1
		if strings.EqualFold(name, "rename-command") {
			need = 2
		}
		if len(options)-i-1 < need {
			return s, badOption + "SET '" + name + "'"
		}
		value := string(options[i+1])
		i += 1 + need
		ok := true
		switch strings.ToLower(name) {
		case "down-after-milliseconds":
			ok = positive(value, &s.downAfter)
		case "failover-timeout":
			ok = positive(value, &s.failoverTimeout)
		case "master-reboot-down-after-period":
			n, err := strconv.ParseInt(value, 10, 64)
			if ok = err == nil && n >= 0; ok {
				s.rebootDownAfter = n
			}
		case "parallel-syncs":
			ok = positive(value, &s.parallelSyncs)
		case "quorum":
			ok = positive(value, &s.quorum)
		case "auth-pass", "auth-user", "rename-command":
			// Sentinel needs these to log in at the nodes; nothing here does.
		case "notification-script", "client-reconfig-script":
			return s, badScripts
		default:
			return s, badOption + "SET '" + name + "'"
		}
		if !ok {
			return s, "ERR Invalid argument '" + value + "' for SENTINEL SET '" + name + "'"
		}
	}
	return s, ""
}

// setDebug applies name and value pairs of SENTINEL DEBUG; the text is as in set.
func (s settings) setDebug(options [][]byte) (settings, string) {
	debug := maps.Clone(s.debug)
	for i := 0; i < len(options); i += 2 {
		name := strings.ToUpper(string(options[i]))
		if _, ok := debug[name]; !ok || i+1 == len(options) {
			return s, badOption + "DEBUG '" + string(options[i]) + "'"
		}
		var n int64
		if !positive(string(options[i+1]), &n) {
			return s, "ERR Invalid argument '" + string(options[i+1]) + "' for SENTINEL DEBUG '" + string(options[i]) + "'"
		}
		debug[name] = n
	}
	s.debug = debug
	return s, ""
}

// positive stores the positive number that text holds in *v.
func positive[T int | int64](text string, v *T) bool {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n <= 0 {
		return false
	}
	*v = T(n)
	return true
}
