package http1

// name identifies the fields that the proxy itself acts on.
type name uint8

const (
	nameOther name = iota
	nameHost
	nameConnection
	nameContentLength
	nameTransferEncoding
	nameKeepAlive
	nameProxyConnection
	nameTE
	nameUpgrade
	nameExpect
	nameForwarded     // Forwarded, X-Real-IP and X-Forwarded-* except the three below
	nameForwardedFor  // X-Forwarded-For
	nameForwardedHost // X-Forwarded-Host
	nameForwardedProto
	nameIdempotencyKey
	nameRequestID // X-Request-Id
	nameHTTP2Settings
	nameDate
	nameVia
	nameTrailer
	nameMaxForwards
	nameLookalike // a framing field but for an underscore
)

// identify maps a field name made of token characters to its number.
func identify(b []byte) name {
	switch len(b) {
	case 2:
		return match(b, "te", nameTE)
	case 3:
		return match(b, "via", nameVia)
	case 4:
		if b[0]|0x20 == 'h' {
			return match(b, "host", nameHost)
		}
		return match(b, "date", nameDate)
	case 6:
		return match(b, "expect", nameExpect)
	case 7:
		if b[0]|0x20 == 'u' {
			return match(b, "upgrade", nameUpgrade)
		}
		return match(b, "trailer", nameTrailer)
	case 9:
		if b[0]|0x20 == 'x' {
			return matchLoose(b, "x-real-ip", nameForwarded)
		}
		return match(b, "forwarded", nameForwarded)
	case 10:
		if b[0]|0x20 == 'k' {
			return match(b, "keep-alive", nameKeepAlive)
		}
		return match(b, "connection", nameConnection)
	}
	return identifyLong(b)
}

func identifyLong(b []byte) name {
	if len(b) > 11 && b[0]|0x20 == 'x' && looseEqual(b[:12], "x-forwarded-") {
		return forwarded(b)
	}
	switch len(b) {
	case 12:
		if b[0]|0x20 == 'm' {
			return match(b, "max-forwards", nameMaxForwards)
		}
		return matchLoose(b, "x-request-id", nameRequestID)
	case 14:
		if b[0]|0x20 == 'h' {
			return match(b, "http2-settings", nameHTTP2Settings)
		}
		return framing(b, "content-length", nameContentLength)
	case 15:
		return match(b, "idempotency-key", nameIdempotencyKey)
	case 16:
		return match(b, "proxy-connection", nameProxyConnection)
	case 17:
		return framing(b, "transfer-encoding", nameTransferEncoding)
	}
	return nameOther
}

// framing tells a field that frames the message from one that only CGI and WSGI
// servers take for it.
func framing(b []byte, s string, n name) name {
	if foldEqual(b, s) {
		return n
	}
	return matchLoose(b, s, nameLookalike)
}

// forwarded tells the X-Forwarded-* fields apart. Spellings with underscores
// are none of the three that the proxy may trust, but still of the family that
// it drops: CGI and WSGI servers do not tell X_Forwarded_For from
// X-Forwarded-For.
func forwarded(b []byte) name {
	switch {
	case foldEqual(b, "x-forwarded-for"):
		return nameForwardedFor
	case foldEqual(b, "x-forwarded-host"):
		return nameForwardedHost
	case foldEqual(b, "x-forwarded-proto"):
		return nameForwardedProto
	}
	return nameForwarded
}

func match(b []byte, s string, n name) name {
	if foldEqual(b, s) {
		return n
	}
	return nameOther
}

func matchLoose(b []byte, s string, n name) name {
	if looseEqual(b, s) {
		return n
	}
	return nameOther
}

// looseEqual is foldEqual where an underscore in b also stands for a dash.
func looseEqual(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		c := b[i]
		if c == '_' {
			c = '-'
		}
		if c|0x20 != s[i] {
			return false
		}
	}
	return true
}

// hop reports whether the field never passes a proxy (RFC 9110 section 7.6.1).
// Transfer-Encoding and Upgrade are decided by the serializers.
func (n name) hop() bool {
	switch n {
	case nameConnection, nameKeepAlive, nameProxyConnection, nameTE, nameHTTP2Settings, nameUpgrade:
		return true
	}
	return false
}

// nominable reports whether a Connection option may remove the field. Framing,
// Host and what tells the backend who the client is must survive a client that
// names them there.
func (n name) nominable() bool {
	switch n {
	case nameHost, nameContentLength, nameTransferEncoding, nameForwarded, nameForwardedFor,
		nameForwardedHost, nameForwardedProto, nameIdempotencyKey, nameRequestID, nameVia, nameDate, nameTrailer:
		return false
	}
	return true
}
