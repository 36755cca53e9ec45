package h2

import "fmt"

// Code says why a stream or a connection ends early (RFC 9113 section 7).
type Code uint32

// The codes that are acted on or sent.
const (
	CodeNone           Code = 0x0
	CodeProtocol       Code = 0x1
	CodeInternal       Code = 0x2
	CodeFlowControl    Code = 0x3
	CodeSettingsTime   Code = 0x4
	CodeStreamClosed   Code = 0x5
	CodeFrameSize      Code = 0x6
	CodeRefused        Code = 0x7
	CodeCancel         Code = 0x8
	CodeCompression    Code = 0x9
	CodeConnect        Code = 0xa
	CodeCalm           Code = 0xb
	CodeInadequate     Code = 0xc
	CodeHTTP11Required Code = 0xd
)

// String returns the name that the RFC gives the code.
func (c Code) String() string {
	names := [...]string{
		"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
		"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("code %#x", uint32(c))
}

// ConnError ends a connection: its state is not known to both sides any more.
type ConnError struct {
	Code   Code
	Reason string
}

// Error returns code and reason.
func (e *ConnError) Error() string {
	return "http/2 connection error " + e.Code.String() + ": " + e.Reason
}

func connError(c Code, reason string) error { return &ConnError{c, reason} }
