package call

// MaxReply is how many bytes the reply to a command may have: as many as the longest
// string, and what goes around it. In Apply it bounds the replies to all commands of a
// batch together: they are made on every node, and a node that has no memory for them
// would meet them in its log again after each restart.
const MaxReply = 512<<20 + 64<<10

// fair is what a command may always reply, however much those before it did.
const fair = 64 << 10

// Begin begins the reply to a command from outside, which may make Out as long as
// limit.
func (c *Call) Begin(limit int) { c.begin, c.limit, c.cut = len(c.Out), limit, false }

// Finish ends it and reports whether it was too large: then an error stands in its
// place. What the command changed is changed.
func (c *Call) Finish() (cut bool) {
	if !c.cut {
		return false
	}
	c.Out = c.Out[:c.begin]
	if c.Writes {
		c.Fail("ERR the command was run, and its reply dropped: what is written together may reply 512 MB")
	} else {
		c.Fail("ERR the reply is larger than 512 MB: ask for less at once")
	}
	return true
}

// Cut reports whether the reply is too large already. What Out has of it is not whole.
func (c *Call) Cut() bool { return c.cut }

// room reports whether n more bytes fit into the reply, and notes if they do not.
func (c *Call) room(n int) bool {
	size := len(c.Out) + n
	if size > c.limit && size-c.begin > fair {
		c.cut = true
	}
	return !c.cut
}
