package catalog

import (
	"bytes"
)

// CrossProtocol recognizes an HTTP request: a web page may make a browser send
// one here, with commands in its body.
func CrossProtocol(name []byte) bool {
	return bytes.EqualFold(name, []byte("POST")) || bytes.EqualFold(name, []byte("Host:"))
}
