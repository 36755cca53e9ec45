// Package text turns the messages of HTTP/2 into those of HTTP/1.1 and back, both
// for requests and for responses: what comes in by one is served by the same
// strict parser, pool, retries and log as what comes in by the other.
//
//	client's request   fields --AppendRequest--> text --> the engines
//	client's response  fields <----- Reader ---- text <-- the engines
//	server's request   fields <----- Reader ---- text <-- the engines
//	server's response  fields --AppendResponse-> text --> the engines
//
// A message whose fields could change what the text means is refused: whatever
// stands in them, one message stays one message (RFC 9113 section 10.3).
package text
