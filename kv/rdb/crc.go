package rdb

import "hash/crc64"

// table is that of the polynomial of Jones, reflected, which Redis uses.
var table = crc64.MakeTable(0x95ac9329ac4bc9b5)

// checksum continues a checksum of Redis over p: unlike the standard library's,
// it begins with 0 and inverts nothing.
func checksum(sum uint64, p []byte) uint64 { return ^crc64.Update(^sum, table, p) }
