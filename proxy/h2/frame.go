package h2

import "encoding/binary"

// kind is a frame's type (RFC 9113 section 6).
type kind uint8

const (
	frameData kind = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePush
	framePing
	frameGoAway
	frameWindow
	frameContinuation
)

// Flags; what a bit means depends on the frame.
const (
	flagEndStream  = 0x1 // DATA, HEADERS
	flagAck        = 0x1 // SETTINGS, PING
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	headerLen = 9
	maxFrame  = 16 << 10 // what we take, which is the least that may be announced
	maxWindow = 1<<31 - 1
	maxStream = 1<<31 - 1
)

// header is the fixed part that every frame begins with (section 4.1).
type header struct {
	size   int
	kind   kind
	flags  uint8
	stream uint32
}

func (h header) has(flag uint8) bool { return h.flags&flag != 0 }

func parseHeader(b []byte) header {
	return header{
		size: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), kind: kind(b[3]), flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & maxStream, // the reserved bit is ignored
	}
}

func (h header) append(b []byte) []byte {
	b = append(b, byte(h.size>>16), byte(h.size>>8), byte(h.size), byte(h.kind), h.flags)
	return binary.BigEndian.AppendUint32(b, h.stream)
}

// unpad takes the padding off a DATA or HEADERS payload (section 6.1).
func (h header) unpad(p []byte) ([]byte, error) {
	if !h.has(flagPadded) {
		return p, nil
	}
	if len(p) == 0 {
		return nil, connError(CodeFrameSize, "padding without a length")
	}
	pad := int(p[0])
	if p = p[1:]; pad > len(p) {
		return nil, connError(CodeProtocol, "more padding than payload")
	}
	return p[:len(p)-pad], nil
}

func appendUint32Frame(b []byte, k kind, stream, value uint32) []byte {
	b = header{size: 4, kind: k, stream: stream}.append(b)
	return binary.BigEndian.AppendUint32(b, value)
}

func appendPing(b []byte, ack bool, data [8]byte) []byte {
	h := header{size: 8, kind: framePing}
	if ack {
		h.flags = flagAck
	}
	return append(h.append(b), data[:]...)
}

func appendGoAway(b []byte, last uint32, code Code, why string) []byte {
	b = header{size: 8 + len(why), kind: frameGoAway}.append(b)
	b = binary.BigEndian.AppendUint32(b, last)
	b = binary.BigEndian.AppendUint32(b, uint32(code))
	return append(b, why...)
}
