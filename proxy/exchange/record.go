package exchange

import (
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// Record is what is known about a request when it has ended. It and what it
// points to are valid only until the function it is given to returns.
type Record struct {
	// Client is the client's address, Method, Target and Host are as received;
	// all are empty when the request could not be read.
	Client, Method, Target, Host []byte
	// Server is the last server tried, nil when there was none.
	Server *upstream.Server
	// Service is the name of the service that the request was for, empty for the
	// only one; ID is the request's id, empty for none.
	Service string
	ID      []byte
	// Secure tells that it came over TLS, HTTP2 that it came by HTTP/2.
	Secure, HTTP2 bool
	// Why is what the last server was picked for.
	Why upstream.Reason
	// Failed are the attempts that failed, FailedCount of them; those beyond the
	// last place are not kept.
	Failed      [4]Attempt
	FailedCount int
	// Status is what the client was told; 0 when it was told nothing.
	Status int
	// End says in words how the exchange ended; EndOK when all was well.
	End string
	// Start is the first byte of the request, Picked a slot on the last server,
	// Connected its connection, Answered the response head, Done the end. Steps
	// not reached are 0.
	Start, Picked, Connected, Answered, Done wire.Instant
	// Retries counts repeated attempts, Redispatches those that went to another
	// server.
	Retries, Redispatches int
	// In and Out count body bytes from and to the client as framed.
	In, Out int64
	// Reused is set when the server's connection had carried a request before.
	Reused bool
}

// Attempt is one that failed.
type Attempt struct {
	Server  *upstream.Server
	Failure retry.Failure
	At      wire.Instant
}

// Fail takes down an attempt on r's server that failed.
func (r *Record) Fail(f retry.Failure, now wire.Instant) {
	if r.FailedCount < len(r.Failed) {
		r.Failed[r.FailedCount] = Attempt{r.Server, f, now}
	}
	r.FailedCount++
}

// The ends of a request that was answered, or that the client cut short. A
// request that the proxy answered itself ends with the answer's reason.
const (
	EndOK          = "ok"
	EndRefused     = "request refused: " // and the reason
	EndClientGone  = "the client went away"
	EndClientStall = "the client stalled"
	EndTruncated   = "the backend's response ended early"
	EndStalled     = "the backend stalled in its response"
	EndEarly       = "the backend answered before the whole request"
	EndTunnel      = "tunnel closed"
	EndStopped     = "the proxy stopped"
)

// Recorder takes records down for one worker.
type Recorder interface {
	// Record takes down a request that has ended. It must not block.
	Record(*Record)
	// Flush passes on what was taken down. It is called when the worker has
	// nothing else to do.
	Flush()
}
