package rdb

import "fmt"

// Kind is the type of a key's value, as a user of Redis knows it.
type Kind uint8

// The kinds.
const (
	String Kind = iota + 1
	Hash
	List
	Set
	SortedSet
	Stream
	Module
	HashTTL // a hash of which some field expires by itself (Redis 7.4, Valkey 9.0)
)

var kindNames = [...]string{
	String: "string", Hash: "hash", List: "list", Set: "set", SortedSet: "sorted set", Stream: "stream",
	Module: "module value", HashTTL: "hash with expiring fields",
}

// String returns the kind's name in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// The type bytes of values (rdb.h, RDB_TYPE_*).
const (
	typeString         = 0
	typeList           = 1
	typeSet            = 2
	typeZSet           = 3
	typeHash           = 4
	typeZSet2          = 5
	typeModule2        = 7
	typeHashZipmap     = 9
	typeListZiplist    = 10
	typeSetIntset      = 11
	typeZSetZiplist    = 12
	typeHashZiplist    = 13
	typeQuicklist      = 14
	typeStream         = 15
	typeHashListpack   = 16
	typeZSetListpack   = 17
	typeQuicklist2     = 18
	typeStream2        = 19
	typeSetListpack    = 20
	typeStream3        = 21
	typeHashTTLPreGA   = 22
	typeHashTTLPackPre = 23
	typeHashTTL        = 24
	typeHashTTLPack    = 25
)

// Operation codes (rdb.h, RDB_OPCODE_*).
const (
	opMeta      = 243
	opSlotInfo  = 244
	opFunction  = 245
	opModuleAux = 247
	opIdle      = 248
	opFreq      = 249
	opAux       = 250
	opResize    = 251
	opExpireMS  = 252
	opExpire    = 253
	opSelect    = 254
	opEOF       = 255
)
