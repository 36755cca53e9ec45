package h2

import "encoding/binary"

// Settings are what one side tells the other of itself (RFC 9113 section 6.5.2).
type Settings struct {
	// TableSize is the memory for the other side's header compression.
	TableSize uint32
	// NoPush refuses pushed streams.
	NoPush bool
	// Streams is how many streams the other side may have open.
	Streams uint32
	// Window is how much of a body may be under way on a stream.
	Window uint32
	// Frame is the largest payload of a frame.
	Frame uint32
	// HeaderList is the largest list of fields; only advice.
	HeaderList uint32
	// Connect allows extended CONNECT, which carries WebSockets (RFC 8441).
	Connect bool
}

// unset are the settings of a side that has not said anything.
func unset() Settings {
	return Settings{TableSize: 4096, Streams: 1<<32 - 1, Window: 1<<16 - 1, Frame: maxFrame, HeaderList: 1<<32 - 1}
}

const (
	setTableSize  = 0x1
	setPush       = 0x2
	setStreams    = 0x3
	setWindow     = 0x4
	setFrame      = 0x5
	setHeaderList = 0x6
	setConnect    = 0x8
)

// apply takes in one SETTINGS payload; sections 6.5.2 and 6.5.3.
func (s *Settings) apply(p []byte) error {
	for ; len(p) >= 6; p = p[6:] {
		id, v := binary.BigEndian.Uint16(p), binary.BigEndian.Uint32(p[2:])
		switch id {
		case setTableSize:
			s.TableSize = v
		case setPush:
			if v > 1 {
				return connError(CodeProtocol, "SETTINGS_ENABLE_PUSH is neither 0 nor 1")
			}
			s.NoPush = v == 0
		case setStreams:
			s.Streams = v
		case setWindow:
			if v > maxWindow {
				return connError(CodeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1")
			}
			s.Window = v
		case setFrame:
			if v < maxFrame || v > 1<<24-1 {
				return connError(CodeProtocol, "SETTINGS_MAX_FRAME_SIZE is not from 2^14 to 2^24-1")
			}
			s.Frame = v
		case setHeaderList:
			s.HeaderList = v
		case setConnect:
			if v > 1 || s.Connect && v == 0 {
				return connError(CodeProtocol, "SETTINGS_ENABLE_CONNECT_PROTOCOL is not 1")
			}
			s.Connect = v == 1
		}
	}
	return nil
}

// append writes the frame that tells s, leaving out what is understood anyway.
func (s *Settings) append(b []byte) []byte {
	start := len(b)
	b = header{kind: frameSettings}.append(b)
	put := func(id uint16, v, understood uint32) {
		if v != understood {
			b = binary.BigEndian.AppendUint16(b, id)
			b = binary.BigEndian.AppendUint32(b, v)
		}
	}
	bit := func(set bool) uint32 {
		if set {
			return 1
		}
		return 0
	}
	u := unset()
	put(setTableSize, s.TableSize, u.TableSize)
	put(setPush, bit(!s.NoPush), 1)
	put(setStreams, s.Streams, u.Streams)
	put(setWindow, s.Window, u.Window)
	put(setHeaderList, s.HeaderList, u.HeaderList)
	put(setConnect, bit(s.Connect), 0)
	n := len(b) - start - headerLen
	b[start], b[start+1], b[start+2] = byte(n>>16), byte(n>>8), byte(n)
	return b
}
