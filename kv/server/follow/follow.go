package follow

import (
	"bytes"
	"strconv"
)

// Mode is what becomes of a write that reaches a node which does not lead.
type Mode string

// The modes. The zero value is Forward.
const (
	Forward  Mode = ""         // passed on to the leader
	ReadOnly Mode = "readonly" // -READONLY, as a Redis replica with replica-read-only yes
	Moved    Mode = "moved"    // -MOVED slot host:port, as a node of Redis Cluster
)

// Parse returns the mode that a setting names: forward or empty, readonly, moved.
func Parse(setting string) Mode {
	if setting == "forward" {
		return Forward
	}
	return Mode(setting)
}

// Error returns the error reply to a write of key (nil = it has none) while the
// leader is at addr.
func Error(m Mode, key []byte, addr string, known bool) string {
	switch {
	case m == ReadOnly:
		return "READONLY You can't write against a read only replica."
	case !known || addr == "":
		return "CLUSTERDOWN The cluster is down"
	}
	return "MOVED " + strconv.Itoa(int(Slot(key))) + " " + addr
}

// Slots is how many hash slots Redis Cluster has.
const Slots = 16384

// Slot returns the hash slot of a key (Redis Cluster specification, "Key
// distribution model" and "Hash tags"). No key is in slot 0.
func Slot(key []byte) uint16 {
	if open := bytes.IndexByte(key, '{'); open >= 0 {
		if length := bytes.IndexByte(key[open+1:], '}'); length > 0 {
			key = key[open+1 : open+1+length]
		}
	}
	if key == nil {
		return 0
	}
	return crc16(key) % Slots
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, initial value 0, nothing reflected.
func crc16(b []byte) uint16 {
	var crc uint16
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
