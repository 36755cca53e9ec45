package engine

import "pingd/kv/engine/call"

var stringCommands = call.Group(
	"string",
	call.New("APPEND", 3, Write|DenyOOM|Fast, 1, "Append a value to a key", cmdAppend),
	call.New("DECR", 2, Write|DenyOOM|Fast, 1, "Decrement the integer value of a key by one", cmdDecr),
	call.New("DECRBY", 3, Write|DenyOOM|Fast, 1, "Decrement the integer value of a key by the given number", cmdDecrBy),
	call.New("GET", 2, Read|Fast, 1, "Get the value of a key", cmdGet),
	call.New("GETDEL", 2, Write|Fast, 1, "Get the value of a key and delete the key", cmdGetDel),
	call.New("GETEX", -2, Write|Fast, 1, "Get the value of a key and optionally set its expiration", cmdGetEX),
	call.New("GETRANGE", 4, Read, 1, "Get a substring of the string stored at a key", cmdGetRange),
	call.New("GETSET", 3, Write|DenyOOM|Fast, 1, "Set the string value of a key and return its old value", cmdGetSet),
	call.New("INCR", 2, Write|DenyOOM|Fast, 1, "Increment the integer value of a key by one", cmdIncr),
	call.New("INCRBY", 3, Write|DenyOOM|Fast, 1, "Increment the integer value of a key by the given amount", cmdIncrBy),
	call.New("INCRBYFLOAT", 3, Write|DenyOOM|Fast, 1, "Increment the float value of a key by the given amount", cmdIncrByFloat),
	call.New("LCS", -3, Read, 1, "Find longest common substring", cmdLCS).Keys(2, 1),
	call.New("MGET", -2, Read|Fast, 1, "Get the values of all the given keys", cmdMGet).Keys(-1, 1),
	call.New("MSET", -3, Write|DenyOOM, 1, "Set multiple keys to multiple values", cmdMSet).Keys(-1, 2),
	call.New("MSETNX", -3, Write|DenyOOM, 1, "Set multiple keys to multiple values, only if none of the keys exist", cmdMSetNX).Keys(-1, 2),
	call.New("PSETEX", 4, Write|DenyOOM, 1, "Set the value and expiration in milliseconds of a key", cmdPSetEX),
	call.New("SET", -3, Write|DenyOOM, 1, "Set the string value of a key", cmdSet),
	call.New("SETEX", 4, Write|DenyOOM, 1, "Set the value and expiration of a key", cmdSetEX),
	call.New("SETNX", 3, Write|DenyOOM|Fast, 1, "Set the value of a key, only if the key does not exist", cmdSetNX),
	call.New("SETRANGE", 4, Write|DenyOOM, 1, "Overwrite part of a string at key starting at the specified offset", cmdSetRange),
	call.New("STRLEN", 2, Read|Fast, 1, "Get the length of the value stored in a key", cmdStrLen),
	call.New("SUBSTR", 4, Read, 1, "Get a substring of the string stored at a key", cmdGetRange),
)

var keyCommands = call.Group(
	"generic",
	call.New("COPY", -3, Write|DenyOOM, 1, "Copy a key", cmdCopy).Keys(2, 1),
	call.New("DEL", -2, Write, 1, "Delete a key", cmdDel).Keys(-1, 1),
	call.New("DUMP", 2, Read, 1, "Return a serialized version of the value stored at the specified key", cmdDump),
	call.New("EXISTS", -2, Read|Fast, 1, "Determine if a key exists", cmdExists).Keys(-1, 1),
	call.New("EXPIRE", -3, Write|Fast, 1, "Set a key's time to live in seconds", cmdExpire),
	call.New("EXPIREAT", -3, Write|Fast, 1, "Set the expiration for a key as a UNIX timestamp", cmdExpireAt),
	call.New("EXPIRETIME", 2, Read|Fast, 1, "Get the expiration Unix timestamp for a key", cmdExpireTime),
	call.New("KEYS", 2, Read, 0, "Find all keys matching the given pattern", cmdKeys),
	call.New("MOVE", 3, Write|Fast, 1, "Move a key to another database", cmdMove),
	call.New("OBJECT", -2, Read, 0, "A container for object introspection commands", cmdObject),
	call.New("PERSIST", 2, Write|Fast, 1, "Remove the expiration from a key", cmdPersist),
	call.New("PEXPIRE", -3, Write|Fast, 1, "Set a key's time to live in milliseconds", cmdPExpire),
	call.New("PEXPIREAT", -3, Write|Fast, 1, "Set the expiration for a key as a UNIX timestamp specified in milliseconds", cmdPExpireAt),
	call.New("PEXPIRETIME", 2, Read|Fast, 1, "Get the expiration Unix timestamp for a key in milliseconds", cmdPExpireTime),
	call.New("PTTL", 2, Read|Fast, 1, "Get the time to live for a key in milliseconds", cmdPTTL),
	call.New("RANDOMKEY", 1, Read, 0, "Return a random key from the keyspace", cmdRandomKey),
	call.New("RENAME", 3, Write, 1, "Rename a key", cmdRename).Keys(2, 1),
	call.New("RENAMENX", 3, Write|Fast, 1, "Rename a key, only if the new key does not exist", cmdRenameNX).Keys(2, 1),
	call.New("RESTORE", -4, Write|DenyOOM, 1, "Create a key using the provided serialized value, previously obtained using DUMP", cmdRestore),
	call.New("SCAN", -2, Read, 0, "Incrementally iterate the keys space", cmdScan),
	call.New("TOUCH", -2, Read|Fast, 1, "Alters the last access time of a key(s). Returns the number of existing keys specified", cmdExists).Keys(-1, 1),
	call.New("TTL", 2, Read|Fast, 1, "Get the time to live for a key in seconds", cmdTTL),
	call.New("TYPE", 2, Read|Fast, 1, "Determine the type stored at key", cmdType),
	call.New("UNLINK", -2, Write|Fast, 1, "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking", cmdDel).Keys(-1, 1),
)

var databaseCommands = call.Group(
	"server",
	call.New("DBSIZE", 1, Read|Fast, 0, "Return the number of keys in the selected database", cmdDBSize),
	call.New("FLUSHALL", -1, Write, 0, "Remove all keys from all databases", cmdFlushAll),
	call.New("FLUSHDB", -1, Write, 0, "Remove all keys from the current database", cmdFlushDB),
	call.New("MEMORY", -2, Read, 0, "A container for memory diagnostics commands", cmdMemory),
	call.New("PINGD.LOAD", 2, Write|DenyOOM|Hidden, 0, "Set many keys that were encoded before", cmdLoad),
	call.New("PINGD.SIZES", 1, Read|Fast|Hidden, 0, "Return the number of keys in each database", cmdSizes),
	call.New("PINGD.REMOVED", 2, Read|Fast|Hidden, 1, "Return a number that changes when a key is removed", cmdRemoved),
	call.New("PINGD.VERSION", 2, Read|Fast|Hidden, 1, "Return the version of a key that WATCH compares", cmdVersion),
	call.New("SELECT", 2, Read|Fast|Hidden, 0, "Change the selected database for the current connection", cmdSelect),
	call.New("SWAPDB", 3, Write|Fast, 0, "Swaps two Redis databases", cmdSwapDB),
)

// onceCommands have their keys where the first of them has; ONCE's inner command
// may have more.
var onceCommands = call.Group(
	"generic",
	call.New("ONCE", -4, Write, 0, "Run a command once per token and repeat its reply", cmdOnce),
	call.New("ONCEINCR", -4, Write|DenyOOM, 1, "Increment a key once per token and repeat the numbers", cmdOnceIncr),
)
