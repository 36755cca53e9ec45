// Package probe is one health check of one server, without its I/O: what to send,
// and what to think of what comes back. Results are named as HAProxy names them.
//
//	shell: connect -- Check.Begin --> Probe; write Request
//	       read    -- Probe.Take  --> more? | Result
//	       the end -- Probe.End   --> Result
package probe
