package bus

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Purpose says what a connection is for. It is the sixth part of the handshake.
type Purpose byte

// The purposes of a connection.
const (
	Raft    Purpose = 1 // Raft's own RPCs; both sides are of the same cluster
	Forward Purpose = 2 // clients' commands on their way to the leader; same cluster
	Control Purpose = 3 // everything else; nodes without a cluster may use it
)

// Identity is what a node says of itself in each handshake.
type Identity struct {
	Cluster  string // empty while the node belongs to no cluster
	Name     string
	Instance string // made once for each data directory: tells two nodes of one name apart
}

// Errors of Dial. They are wrapped with the address that was dialled.
var (
	ErrSecret  = errors.New("wrong cluster secret\nhint: give every node the same --secret-file")
	ErrCluster = errors.New("node belongs to another cluster\nhint: to join that one, start with an empty --data")
	ErrProto   = errors.New("not a pingd cluster bus of this version\nhint: --join takes Redis addresses; the bus is what --raft-addr names")
	ErrTLS     = errors.New("the other side speaks TLS, this one does not, or the other way round\nhint: give every node its --tls-cert, --tls-key and --tls-ca")
	ErrRefused = errors.New("node is not ready for this connection")
)

const (
	magic        = "PINGDBUS"
	version      = 1
	nonceLen     = 32
	maxField     = 255
	helloMinimum = len(magic) + 2
)

// Status bytes of the listener's answers.
const (
	statusOK      = 0
	statusSecret  = 1
	statusCluster = 2
	statusRefused = 3
	statusTLS     = 4
)

// WantsTLS is what a listener with TLS says to a dialler without it.
const WantsTLS = "\x04"

func statusError(s byte) error {
	switch s {
	case statusOK:
		return nil
	case statusSecret:
		return ErrSecret
	case statusCluster:
		return ErrCluster
	case statusRefused:
		return ErrRefused
	case statusTLS:
		return ErrTLS
	}
	return ErrProto
}

// greet runs the dialling side of the handshake and returns who answered.
func greet(c net.Conn, secret []byte, self Identity, p Purpose, deadline time.Time) (Identity, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return Identity{}, err
	}
	hello := append(make([]byte, 0, 512), magic...)
	hello = append(hello, version, byte(p))
	hello = appendIdentity(hello, self)
	hello = appendNonce(hello)
	if _, err := c.Write(hello); err != nil {
		return Identity{}, err
	}
	answer := make([]byte, 1, 512)
	if _, err := io.ReadFull(c, answer); err != nil {
		return Identity{}, noAnswer(err)
	}
	if err := statusError(answer[0]); err != nil {
		return Identity{}, err
	}
	answer, peer, err := readIdentity(c, answer)
	if err != nil {
		return Identity{}, err
	}
	var proof [sha256.Size]byte
	if _, err := io.ReadFull(c, proof[:]); err != nil {
		return Identity{}, err
	}
	bound, err := binding(c)
	if err != nil {
		return Identity{}, err
	}
	if !hmac.Equal(proof[:], prove(secret, "listener", bound, hello, answer)) {
		return Identity{}, ErrSecret
	}
	if _, err := c.Write(prove(secret, "dialer", bound, hello, answer)); err != nil {
		return Identity{}, err
	}
	var last [1]byte
	if _, err := io.ReadFull(c, last[:]); err != nil {
		return Identity{}, noAnswer(err)
	}
	if err := statusError(last[0]); err != nil {
		return Identity{}, err
	}
	return peer, c.SetDeadline(time.Time{})
}

// noAnswer tells a stranger that hung up from a broken network.
func noAnswer(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrProto
	}
	return err
}

// welcome runs the listening side. admit decides on the peer once it proved to
// know the secret; nil lets it in.
func welcome(c net.Conn, secret []byte, self Identity, deadline time.Time, admit func(Identity, Purpose) byte) (Identity, Purpose, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return Identity{}, 0, err
	}
	hello := make([]byte, helloMinimum, 512)
	if _, err := io.ReadFull(c, hello); err != nil {
		return Identity{}, 0, err
	}
	switch {
	case isTLS(hello):
		return Identity{}, 0, ErrTLS
	case string(hello[:len(magic)]) != magic || hello[len(magic)] != version:
		return Identity{}, 0, ErrProto
	}
	p := Purpose(hello[len(magic)+1])
	if p < Raft || p > Control {
		return Identity{}, 0, ErrProto
	}
	hello, peer, err := readIdentity(c, hello)
	if err != nil {
		return Identity{}, 0, err
	}
	bound, err := binding(c)
	if err != nil {
		return peer, p, err
	}
	answer := appendIdentity([]byte{statusOK}, self)
	answer = appendNonce(answer)
	full := append(answer[:len(answer):len(answer)], prove(secret, "listener", bound, hello, answer)...)
	if _, err := c.Write(full); err != nil {
		return Identity{}, 0, err
	}
	var proof [sha256.Size]byte
	if _, err := io.ReadFull(c, proof[:]); err != nil {
		// It finds our proof wrong, and tells of that itself, or it has no time left.
		return peer, p, fmt.Errorf("read the dialer's proof: %w", err)
	}
	status := byte(statusSecret)
	if hmac.Equal(proof[:], prove(secret, "dialer", bound, hello, answer)) {
		status = admit(peer, p)
	}
	if _, err := c.Write([]byte{status}); err != nil {
		return peer, p, err
	}
	if err := statusError(status); err != nil {
		return peer, p, err
	}
	return peer, p, c.SetDeadline(time.Time{})
}

// prove computes a side's proof. An empty secret proves only that both sides
// have none.
func prove(secret []byte, side string, bound, hello, answer []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(side))
	m.Write(bound)
	m.Write(hello)
	m.Write(answer)
	return m.Sum(nil)
}

// binding returns what both ends of a TLS connection, and nobody between them, know
// of it (RFC 9266); nothing without TLS. With it the proofs hold for this connection
// only: a stranger cannot pass them on, not even with a certificate that is accepted.
func binding(c net.Conn) ([]byte, error) {
	secured, ok := c.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil, nil
	}
	s := secured.ConnectionState()
	bound, err := s.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil, fmt.Errorf("bind to TLS: %w", err)
	}
	return bound, nil
}

// isTLS knows the beginning of a TLS handshake (RFC 8446, section 5.1).
func isTLS(first []byte) bool { return len(first) >= 2 && first[0] == 0x16 && first[1] == 3 }

func appendNonce(dst []byte) []byte {
	var nonce [nonceLen]byte
	_, _ = rand.Read(nonce[:]) // never fails: crypto/rand
	return append(dst, nonce[:]...)
}

func appendIdentity(dst []byte, id Identity) []byte {
	for _, s := range []string{id.Cluster, id.Name, id.Instance} {
		s = s[:min(len(s), maxField)]
		dst = append(dst, byte(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// readIdentity reads an identity and a nonce, and appends them as read to seen.
func readIdentity(r io.Reader, seen []byte) ([]byte, Identity, error) {
	var id Identity
	var buf [maxField + 1]byte
	for _, field := range []*string{&id.Cluster, &id.Name, &id.Instance} {
		if _, err := io.ReadFull(r, buf[:1]); err != nil {
			return nil, id, err
		}
		n := int(buf[0])
		if _, err := io.ReadFull(r, buf[1:1+n]); err != nil {
			return nil, id, err
		}
		*field = string(buf[1 : 1+n])
		seen = append(seen, buf[:1+n]...)
	}
	if _, err := io.ReadFull(r, buf[:nonceLen]); err != nil {
		return nil, id, err
	}
	return append(seen, buf[:nonceLen]...), id, nil
}

// Frame heads of request connections.
const headLen = 4 + 8 + 1 // length of the payload, number, kind or status

func putHead(dst []byte, size int, number uint64, kind byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(size))
	dst = binary.LittleEndian.AppendUint64(dst, number)
	return append(dst, kind)
}

// readFrame reads one frame. Its buffer grows with the bytes that really
// arrive, so a false length costs its sender as much as us.
func readFrame(r io.Reader, limit int) (number uint64, kind byte, payload []byte, err error) {
	var head [headLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, nil, err
	}
	size := int(binary.LittleEndian.Uint32(head[:]))
	if size > limit {
		return 0, 0, nil, fmt.Errorf("read frame: %d bytes, limit %d", size, limit)
	}
	number, kind = binary.LittleEndian.Uint64(head[4:]), head[12]
	const step = 1 << 20
	payload = make([]byte, 0, min(size, step))
	for len(payload) < size {
		n := min(size-len(payload), max(step, len(payload)))
		from := len(payload)
		payload = append(payload, make([]byte, n)...)
		if _, err := io.ReadFull(r, payload[from:]); err != nil {
			return 0, 0, nil, err
		}
	}
	return number, kind, payload, nil
}
