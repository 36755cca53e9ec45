package engine

import "strings"

// levelOne are the commands of level 1. All others are of level 2.
var levelOne = nameSet(
	"APPEND COPY DBSIZE DECR DECRBY DEL DUMP EXISTS EXPIRE EXPIREAT EXPIRETIME FLUSHALL FLUSHDB GET GETDEL " +
		"GETEX GETRANGE GETSET HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET " +
		"HRANDFIELD HSCAN HSET HSETNX HSTRLEN HVALS INCR INCRBY INCRBYFLOAT KEYS LCS MEMORY MGET MOVE MSET MSETNX " +
		"OBJECT ONCE ONCEINCR PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PINGD.LOAD PINGD.SIZES PINGD.VERSION " +
		"PSETEX PTTL RANDOMKEY RENAME RENAMENX RESTORE SCAN SELECT SET SETEX SETNX SETRANGE STRLEN SUBSTR SWAPDB " +
		"TOUCH TTL TYPE UNLINK")

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for _, n := range strings.Fields(names) {
		set[n] = true
	}
	return set
}

func levelOf(name string) uint8 {
	if levelOne[name] {
		return 1
	}
	return 2
}

// LevelOf returns the level that an entry with cmds must have: the highest of their
// own. What nobody knows is of level 1: it does nothing anywhere.
func LevelOf(cmds []Command) uint8 {
	level := uint8(1)
	for i := range cmds {
		c := &cmds[i]
		if c.Txn != nil {
			level = max(level, LevelOf(c.Txn.Cmds))
			continue
		}
		level = max(level, levelOfArgs(c.Args))
	}
	return level
}

func levelOfArgs(args [][]byte) uint8 {
	if len(args) == 0 {
		return 1
	}
	cmd := find(index, args[0])
	if cmd == nil {
		return 1
	}
	if cmd.Name == "ONCE" && len(args) > 3 {
		return max(cmd.Level, levelOfArgs(args[3:]))
	}
	return cmd.Level
}
