package http1

// Error says why a message is refused and with which status the sender should
// be told. Errors are shared values: compare them by their Status, never
// change them. After any Error the connection must be closed, because where
// the next message begins is unknown (RFC 9112 section 6.3).
type Error struct {
	// Status is the HTTP status code to answer with: 4xx or 5xx for
	// requests, always 502 for responses.
	Status int
	// Reason is one short sentence fragment for the error page and the log.
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// Refusals common to requests and responses are kept as pairs, because the
// same fault is the client's in one direction and the backend's in the other.
type fault struct{ request, response *Error }

func bad(reason string) fault {
	return fault{&Error{400, reason}, &Error{502, "bad response from the backend: " + reason}}
}

var (
	faultBareLF     = bad("a line does not end in CRLF")
	faultFieldName  = bad("invalid character in a field name")
	faultFieldValue = bad("invalid character in a field value")
	faultNoColon    = bad("a field line has no colon")
	faultFold       = bad("a field line is folded or starts with white space")
	faultLength     = bad("invalid Content-Length")
	faultTwoLengths = bad("more than one Content-Length")
	faultBoth       = bad("both Content-Length and Transfer-Encoding")
	faultCoding     = bad("Transfer-Encoding is not chunked")
	faultCoding10   = bad("Transfer-Encoding in an HTTP/1.0 message")
	faultNominated  = bad("too many Connection options")
	faultChunkSize  = bad("invalid chunk size")
	faultChunkEnd   = bad("chunk data is not followed by CRLF")
	faultChunkExt   = bad("invalid chunk extension")
	faultTrailer    = bad("invalid trailer section")
	faultTooLong    = fault{
		&Error{431, "the message head is larger than the limit"},
		&Error{502, "bad response from the backend: the message head is larger than the limit"},
	}
	faultTooMany = fault{
		&Error{431, "the message head has more lines than the limit"},
		&Error{502, "bad response from the backend: the message head has more lines than the limit"},
	}

	errRequestLine = &Error{400, "malformed request line"}
	errMethod      = &Error{400, "invalid character in the method"}
	errTarget      = &Error{400, "invalid request target"}
	errTargetLong  = &Error{414, "the request target is longer than the limit"}
	errVersion     = &Error{505, "HTTP version not supported"}
	errConnect     = &Error{405, "CONNECT is not served here"}
	errCoding      = &Error{501, "a transfer coding other than chunked is not implemented"}
	errNoHost      = &Error{400, "Host is missing"}
	errTwoHosts    = &Error{400, "more than one Host"}
	errLookalike   = &Error{400, "a field name that some servers take for a framing field"}
	errMaxForwards = &Error{400, "invalid Max-Forwards"}
	errTraceBody   = &Error{400, "TRACE with a body"}
	errHost        = &Error{400, "invalid Host"}

	errStatusLine = &Error{502, "bad response from the backend: malformed status line"}
)

// of picks the member of the pair for the direction being parsed.
func (f fault) of(response bool) *Error {
	if response {
		return f.response
	}
	return f.request
}
