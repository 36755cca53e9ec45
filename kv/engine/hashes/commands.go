package hashes

import "pingd/kv/engine/call"

// Commands returns the commands of hashes.
func Commands() []call.Command { return commands }

var commands = call.Group(
	"hash",
	call.New("HDEL", -3, call.Write|call.Fast, 1, "Delete one or more hash fields", cmdHDel),
	call.New("HEXISTS", 3, call.Read|call.Fast, 1, "Determine if a hash field exists", cmdHExists),
	call.New("HGET", 3, call.Read|call.Fast, 1, "Get the value of a hash field", cmdHGet),
	call.New("HGETALL", 2, call.Read, 1, "Get all the fields and values in a hash", cmdHGetAll),
	call.New("HINCRBY", 4, call.Write|call.DenyOOM|call.Fast, 1, "Increment the integer value of a hash field by the given number", cmdHIncrBy),
	call.New("HINCRBYFLOAT", 4, call.Write|call.DenyOOM|call.Fast, 1, "Increment the float value of a hash field by the given amount", cmdHIncrByFloat),
	call.New("HKEYS", 2, call.Read, 1, "Get all the fields in a hash", cmdHKeys),
	call.New("HLEN", 2, call.Read|call.Fast, 1, "Get the number of fields in a hash", cmdHLen),
	call.New("HMGET", -3, call.Read|call.Fast, 1, "Get the values of all the given hash fields", cmdHMGet),
	call.New("HMSET", -4, call.Write|call.DenyOOM|call.Fast, 1, "Set multiple hash fields to multiple values", cmdHMSet),
	call.New("HRANDFIELD", -2, call.Read, 1, "Get one or multiple random fields from a hash", cmdHRandField),
	call.New("HSCAN", -3, call.Read, 1, "Incrementally iterate hash fields and associated values", cmdHScan),
	call.New("HSET", -4, call.Write|call.DenyOOM|call.Fast, 1, "Set the string value of a hash field", cmdHSet),
	call.New("HSETNX", 4, call.Write|call.DenyOOM|call.Fast, 1, "Set the value of a hash field, only if the field does not exist", cmdHSetNX),
	call.New("HSTRLEN", 3, call.Read|call.Fast, 1, "Get the length of the value of a hash field", cmdHStrLen),
	call.New("HVALS", 2, call.Read, 1, "Get all the values in a hash", cmdHVals),
)
