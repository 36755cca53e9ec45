package retry

import "pingd/proxy/http1"

// Failure is what went wrong with one attempt.
type Failure uint8

const (
	// Connect means that no connection was made: the server cannot have seen
	// the request.
	Connect Failure = iota
	// Died means that the connection ended before the first byte of a response,
	// after the request or a part of it may have been seen.
	Died
	// TimedOut means that no response came in time.
	TimedOut
	// Invalid means that what came was not a response.
	Invalid
)

// Action is what to do about a failure.
type Action uint8

const (
	// GiveUp tells the client.
	GiveUp Action = iota
	// Again sends the request to another server, or over a fresh connection to
	// the same one where there is no other.
	Again
)

// Policy is how often a request is sent again. Zero is never.
type Policy struct {
	// Connects is how many failed connections a request survives.
	Connects int
	// Replays is how many times a request is sent again that a server may have
	// seen.
	Replays int
}

// Attempt is what is known about a request when an attempt has failed.
type Attempt struct {
	Failure Failure
	Method  http1.Method
	// Whole is set when every byte of the request sent so far is still held.
	Whole bool
	// Keyed tells that the server counts requests with one key once, so that
	// sending it again is safe whatever the method (idempotency=key).
	Keyed bool
	// ConnectOnly is the server's wish to see no request twice (retry=connect).
	ConnectOnly bool
	// Connects and Replays count what was already spent on this request.
	Connects, Replays int
}

// Decide applies the policy. A connection that failed is tried elsewhere for
// any method. A request that a server may have seen is sent again only when its
// method is idempotent (RFC 9110 section 9.2.2: a proxy MUST NOT repeat others,
// unless it knows that they are idempotent all the same: a key says so) and all of
// it is still held. A response that is late or invalid is never
// answered by sending the request again: the server did work on it.
func (p Policy) Decide(a Attempt) Action {
	switch a.Failure {
	case Connect:
		if a.Connects < p.Connects && a.Whole {
			return Again
		}
	case Died:
		if a.Replays < p.Replays && (a.Method.Idempotent() || a.Keyed) && a.Whole && !a.ConnectOnly {
			return Again
		}
	}
	return GiveUp
}
