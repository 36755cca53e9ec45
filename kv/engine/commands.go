package engine

// spec makes the description of a command with a single key or none.
func spec(name string, arity int, flags Flags, firstKey int, summary string, run func(*call)) command {
	s := Spec{Name: name, Arity: arity, Flags: flags, Summary: summary}
	if firstKey > 0 {
		s.FirstKey, s.LastKey, s.KeyStep = firstKey, firstKey, 1
	}
	return command{Spec: s, run: run}
}

// keys sets the places of several keys.
func (cmd command) keys(last, step int) command {
	cmd.LastKey, cmd.KeyStep = last, step
	return cmd
}

// group sets the group of each command, and the ACL category named like it.
func group(name string, commands ...command) []command {
	for i := range commands {
		commands[i].Group = name
	}
	return commands
}

var stringCommands = group(
	"string",
	spec("APPEND", 3, Write|DenyOOM|Fast, 1, "Append a value to a key", cmdAppend),
	spec("DECR", 2, Write|DenyOOM|Fast, 1, "Decrement the integer value of a key by one", cmdDecr),
	spec("DECRBY", 3, Write|DenyOOM|Fast, 1, "Decrement the integer value of a key by the given number", cmdDecrBy),
	spec("GET", 2, Read|Fast, 1, "Get the value of a key", cmdGet),
	spec("GETDEL", 2, Write|Fast, 1, "Get the value of a key and delete the key", cmdGetDel),
	spec("GETEX", -2, Write|Fast, 1, "Get the value of a key and optionally set its expiration", cmdGetEX),
	spec("GETRANGE", 4, Read, 1, "Get a substring of the string stored at a key", cmdGetRange),
	spec("GETSET", 3, Write|DenyOOM|Fast, 1, "Set the string value of a key and return its old value", cmdGetSet),
	spec("INCR", 2, Write|DenyOOM|Fast, 1, "Increment the integer value of a key by one", cmdIncr),
	spec("INCRBY", 3, Write|DenyOOM|Fast, 1, "Increment the integer value of a key by the given amount", cmdIncrBy),
	spec("INCRBYFLOAT", 3, Write|DenyOOM|Fast, 1, "Increment the float value of a key by the given amount", cmdIncrByFloat),
	spec("LCS", -3, Read, 1, "Find longest common substring", cmdLCS).keys(2, 1),
	spec("MGET", -2, Read|Fast, 1, "Get the values of all the given keys", cmdMGet).keys(-1, 1),
	spec("MSET", -3, Write|DenyOOM, 1, "Set multiple keys to multiple values", cmdMSet).keys(-1, 2),
	spec("MSETNX", -3, Write|DenyOOM, 1, "Set multiple keys to multiple values, only if none of the keys exist", cmdMSetNX).keys(-1, 2),
	spec("PSETEX", 4, Write|DenyOOM, 1, "Set the value and expiration in milliseconds of a key", cmdPSetEX),
	spec("SET", -3, Write|DenyOOM, 1, "Set the string value of a key", cmdSet),
	spec("SETEX", 4, Write|DenyOOM, 1, "Set the value and expiration of a key", cmdSetEX),
	spec("SETNX", 3, Write|DenyOOM|Fast, 1, "Set the value of a key, only if the key does not exist", cmdSetNX),
	spec("SETRANGE", 4, Write|DenyOOM, 1, "Overwrite part of a string at key starting at the specified offset", cmdSetRange),
	spec("STRLEN", 2, Read|Fast, 1, "Get the length of the value stored in a key", cmdStrLen),
	spec("SUBSTR", 4, Read, 1, "Get a substring of the string stored at a key", cmdGetRange),
)

var keyCommands = group(
	"generic",
	spec("COPY", -3, Write|DenyOOM, 1, "Copy a key", cmdCopy).keys(2, 1),
	spec("DEL", -2, Write, 1, "Delete a key", cmdDel).keys(-1, 1),
	spec("EXISTS", -2, Read|Fast, 1, "Determine if a key exists", cmdExists).keys(-1, 1),
	spec("EXPIRE", -3, Write|Fast, 1, "Set a key's time to live in seconds", cmdExpire),
	spec("EXPIREAT", -3, Write|Fast, 1, "Set the expiration for a key as a UNIX timestamp", cmdExpireAt),
	spec("EXPIRETIME", 2, Read|Fast, 1, "Get the expiration Unix timestamp for a key", cmdExpireTime),
	spec("KEYS", 2, Read, 0, "Find all keys matching the given pattern", cmdKeys),
	spec("MOVE", 3, Write|Fast, 1, "Move a key to another database", cmdMove),
	spec("OBJECT", -2, Read, 0, "A container for object introspection commands", cmdObject),
	spec("PERSIST", 2, Write|Fast, 1, "Remove the expiration from a key", cmdPersist),
	spec("PEXPIRE", -3, Write|Fast, 1, "Set a key's time to live in milliseconds", cmdPExpire),
	spec("PEXPIREAT", -3, Write|Fast, 1, "Set the expiration for a key as a UNIX timestamp specified in milliseconds", cmdPExpireAt),
	spec("PEXPIRETIME", 2, Read|Fast, 1, "Get the expiration Unix timestamp for a key in milliseconds", cmdPExpireTime),
	spec("PTTL", 2, Read|Fast, 1, "Get the time to live for a key in milliseconds", cmdPTTL),
	spec("RANDOMKEY", 1, Read, 0, "Return a random key from the keyspace", cmdRandomKey),
	spec("RENAME", 3, Write, 1, "Rename a key", cmdRename).keys(2, 1),
	spec("RENAMENX", 3, Write|Fast, 1, "Rename a key, only if the new key does not exist", cmdRenameNX).keys(2, 1),
	spec("SCAN", -2, Read, 0, "Incrementally iterate the keys space", cmdScan),
	spec("TOUCH", -2, Read|Fast, 1, "Alters the last access time of a key(s). Returns the number of existing keys specified", cmdExists).keys(-1, 1),
	spec("TTL", 2, Read|Fast, 1, "Get the time to live for a key in seconds", cmdTTL),
	spec("TYPE", 2, Read|Fast, 1, "Determine the type stored at key", cmdType),
	spec("UNLINK", -2, Write|Fast, 1, "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking", cmdDel).keys(-1, 1),
)

var hashCommands = group(
	"hash",
	spec("HDEL", -3, Write|Fast, 1, "Delete one or more hash fields", cmdHDel),
	spec("HEXISTS", 3, Read|Fast, 1, "Determine if a hash field exists", cmdHExists),
	spec("HGET", 3, Read|Fast, 1, "Get the value of a hash field", cmdHGet),
	spec("HGETALL", 2, Read, 1, "Get all the fields and values in a hash", cmdHGetAll),
	spec("HINCRBY", 4, Write|DenyOOM|Fast, 1, "Increment the integer value of a hash field by the given number", cmdHIncrBy),
	spec("HINCRBYFLOAT", 4, Write|DenyOOM|Fast, 1, "Increment the float value of a hash field by the given amount", cmdHIncrByFloat),
	spec("HKEYS", 2, Read, 1, "Get all the fields in a hash", cmdHKeys),
	spec("HLEN", 2, Read|Fast, 1, "Get the number of fields in a hash", cmdHLen),
	spec("HMGET", -3, Read|Fast, 1, "Get the values of all the given hash fields", cmdHMGet),
	spec("HMSET", -4, Write|DenyOOM|Fast, 1, "Set multiple hash fields to multiple values", cmdHMSet),
	spec("HRANDFIELD", -2, Read, 1, "Get one or multiple random fields from a hash", cmdHRandField),
	spec("HSCAN", -3, Read, 1, "Incrementally iterate hash fields and associated values", cmdHScan),
	spec("HSET", -4, Write|DenyOOM|Fast, 1, "Set the string value of a hash field", cmdHSet),
	spec("HSETNX", 4, Write|DenyOOM|Fast, 1, "Set the value of a hash field, only if the field does not exist", cmdHSetNX),
	spec("HSTRLEN", 3, Read|Fast, 1, "Get the length of the value of a hash field", cmdHStrLen),
	spec("HVALS", 2, Read, 1, "Get all the values in a hash", cmdHVals),
)

var databaseCommands = group(
	"server",
	spec("DBSIZE", 1, Read|Fast, 0, "Return the number of keys in the selected database", cmdDBSize),
	spec("FLUSHALL", -1, Write, 0, "Remove all keys from all databases", cmdFlushAll),
	spec("FLUSHDB", -1, Write, 0, "Remove all keys from the current database", cmdFlushDB),
	spec("PINGD.LOAD", 2, Write|DenyOOM|Hidden, 0, "Set many keys that were encoded before", cmdLoad),
	spec("PINGD.SIZES", 1, Read|Fast|Hidden, 0, "Return the number of keys in each database", cmdSizes),
	spec("PINGD.VERSION", 2, Read|Fast|Hidden, 1, "Return the version of a key that WATCH compares", cmdVersion),
	spec("SELECT", 2, Read|Fast|Hidden, 0, "Change the selected database for the current connection", cmdSelect),
	spec("SWAPDB", 3, Write|Fast, 0, "Swaps two Redis databases", cmdSwapDB),
)

// onceCommands have their keys where the first of them has; ONCE's inner command
// may have more.
var onceCommands = group(
	"generic",
	spec("ONCE", -4, Write, 0, "Run a command once per token and repeat its reply", cmdOnce),
	spec("ONCEINCR", -4, Write|DenyOOM, 1, "Increment a key once per token and repeat the numbers", cmdOnceIncr),
)
