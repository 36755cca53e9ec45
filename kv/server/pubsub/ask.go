package pubsub

import "pingd/kv/resp/reply"

// The following answer the subcommands of PUBSUB: what this node's clients
// subscribe to. args are the words of the call.

// AnswerChannels is PUBSUB CHANNELS or, if shard, SHARDCHANNELS [pattern].
func (h *Hub) AnswerChannels(w *reply.Writer, args [][]byte, shard bool) {
	if len(args) > 3 {
		w.Fail(reply.Bad("pubsub", args[1]))
		return
	}
	var pattern []byte
	if len(args) == 3 {
		pattern = args[2]
	}
	if shard {
		w.Strings(h.Shards(pattern))
		return
	}
	w.Strings(h.Channels(pattern))
}

// AnswerSubscribers is PUBSUB NUMSUB or, if shard, SHARDNUMSUB [channel ...].
func (h *Hub) AnswerSubscribers(w *reply.Writer, args [][]byte, shard bool) {
	w.Array(2 * (len(args) - 2))
	for _, name := range args[2:] {
		w.Bytes(name)
		if shard {
			w.Int(int64(h.ShardSubscribers(name)))
		} else {
			w.Int(int64(h.Subscribers(name)))
		}
	}
}

// AnswerPatterns is PUBSUB NUMPAT.
func (h *Hub) AnswerPatterns(w *reply.Writer) {
	_, patterns, _ := h.Counts()
	w.Int(int64(patterns))
}

// Messages travel between nodes with a byte before the channel that says how they
// were published.
const (
	byPublish  = 'p'
	bySPublish = 's'
)

// Envelope returns the channel under which a message travels to every node.
func Envelope(channel []byte, shard bool) []byte {
	how := byte(byPublish)
	if shard {
		how = bySPublish
	}
	return append([]byte{how}, channel...)
}

// Deliver is Publish or PublishShard for a message in its envelope.
func (h *Hub) Deliver(envelope, payload []byte) int64 {
	switch {
	case len(envelope) == 0:
		return 0
	case envelope[0] == bySPublish:
		return h.PublishShard(envelope[1:], payload)
	}
	return h.Publish(envelope[1:], payload)
}

// AnswerHelp is PUBSUB HELP.
func AnswerHelp(w *reply.Writer) {
	w.Help("PUBSUB",
		"CHANNELS [<pattern>]", "    Return the channels that clients of this node subscribe to.",
		"NUMPAT", "    Return how many patterns they subscribe to.",
		"NUMSUB [<channel> ...]", "    Return how many subscribe to each channel.",
		"SHARDCHANNELS [<pattern>]", "    As CHANNELS, for SSUBSCRIBE.",
		"SHARDNUMSUB [<channel> ...]", "    As NUMSUB, for SSUBSCRIBE.")
}
