package entry

import (
	"encoding/binary"

	"pingd/kv/engine"
)

// AppendBatch appends the head of a batch entry that n groups follow. Its version is
// the stamp's level, which is at least that of all commands.
func AppendBatch(dst []byte, stamp engine.Stamp, n int) []byte {
	dst = append(dst, max(1, stamp.Level), byte(KindBatch))
	dst = appendStamp(dst, stamp)
	return binary.AppendUvarint(dst, uint64(n))
}

// AppendPayload appends a whole entry of a kind other than KindBatch.
func AppendPayload(dst []byte, kind Kind, stamp engine.Stamp, payload []byte) []byte {
	dst = append(dst, 1, byte(kind))
	dst = appendStamp(dst, stamp)
	return append(dst, payload...)
}

// AppendOrigin appends the head of a group of n commands; AppendCommand appends
// each of them.
func AppendOrigin(dst []byte, o Origin, n int) []byte {
	dst = appendBytes(dst, o.Node)
	dst = binary.AppendUvarint(dst, o.Incarnation)
	dst = binary.AppendUvarint(dst, o.Number)
	dst = binary.AppendUvarint(dst, o.Oldest)
	return binary.AppendUvarint(dst, uint64(n))
}

// AppendCommand appends one command.
func AppendCommand(dst []byte, c *engine.Command) []byte {
	switch {
	case c.Txn != nil:
		dst = appendHead(dst, shapeTxn, c)
		dst = binary.AppendUvarint(dst, uint64(len(c.Txn.Watch)))
		for i := range c.Txn.Watch {
			w := &c.Txn.Watch[i]
			dst = append(dst, w.DB)
			dst = binary.AppendUvarint(dst, w.Version)
			dst = appendBytes(dst, w.Key)
		}
		dst = binary.AppendUvarint(dst, uint64(len(c.Txn.Cmds)))
		for i := range c.Txn.Cmds {
			dst = AppendCommand(dst, &c.Txn.Cmds[i])
		}
	case c.Args == nil:
		dst = appendHead(dst, shapeLiteral, c)
		dst = appendBytes(dst, c.Literal)
	default:
		dst = appendHead(dst, shapeArgs, c)
		dst = binary.AppendUvarint(dst, uint64(len(c.Args)))
		for _, a := range c.Args {
			dst = appendBytes(dst, a)
		}
	}
	return dst
}

// appendHead appends what every command begins with.
func appendHead(dst []byte, shape byte, c *engine.Command) []byte {
	if c.Client == 0 {
		return append(dst, shape, c.DB, c.Proto)
	}
	return binary.AppendUvarint(append(dst, shape|withClient, c.DB, c.Proto), c.Client)
}

// AppendCount appends the head of a list of n commands.
func AppendCount(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// AppendCommands appends a list of commands with its length, as Decoder.Commands
// reads it.
func AppendCommands(dst []byte, cmds []engine.Command) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(cmds)))
	for i := range cmds {
		dst = AppendCommand(dst, &cmds[i])
	}
	return dst
}

// AppendReplies appends replies in the form that ParseReplies reads.
func AppendReplies(dst []byte, r *engine.Replies) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(r.Ends)))
	from := 0
	for _, end := range r.Ends {
		dst = binary.AppendUvarint(dst, uint64(end-from))
		from = end
	}
	return append(dst, r.Buf...)
}

// Shapes of a command, its first byte.
const (
	shapeArgs    = 0
	shapeTxn     = 1
	shapeLiteral = 2

	// withClient is added to the shape of a command whose Client is not 0; that
	// number then follows database and protocol.
	withClient = 0x80
)

func appendStamp(dst []byte, s engine.Stamp) []byte {
	dst = binary.AppendVarint(dst, s.UnixMilli)
	return binary.LittleEndian.AppendUint64(dst, s.Seed)
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}
