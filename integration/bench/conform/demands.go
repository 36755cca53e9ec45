package conform

import "strings"

// Demand is one thing that a proxy must do, or that it had better do.
type Demand struct {
	Name    string
	Source  string // "9112 6.1 MUST"
	Request string
	// Answer is what the server sends to each request (default: 200, 5 bytes).
	Answer string
	// Ends is how the server's connection ends after its answer: 0 not at all,
	// 'f' with a FIN, 'r' with a reset.
	Ends byte
	// HalfClose ends the client's sending side after the request.
	HalfClose bool
	// Met judges what was seen.
	Met func(*Seen) bool
}

const (
	get = "GET / HTTP/1.1\r\nHost: h\r\n"
	ok  = "HTTP/1.1 200 OK\r\n"
	te  = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
)

func refused(s *Seen) bool { return s.Refused() && s.Heads == 0 }

func told(status string) func(*Seen) bool {
	return func(s *Seen) bool { return s.Status() == status }
}

func served(s *Seen) bool { return s.Status() == "200" && strings.HasSuffix(s.Client, "hello") }

func lower(s string) string { return strings.ToLower(s) }

// Demands returns the list, requests first.
func Demands() []Demand {
	return append(append(append(framing(), requests()...), forwarding()...), responses()...)
}

// framing is where requests are smuggled.
func framing() []Demand {
	return []Demand{
		{Name: "CL and TE: refuse, or close after the answer", Source: "9112 6.1 MUST", Request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Met: func(s *Seen) bool { return s.Closed && s.Heads < 2 }},
		{Name: "TE in HTTP/1.0: the same", Source: "9112 6.1 MUST", Request: "POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Met: func(s *Seen) bool { return s.Closed && s.Heads < 2 }},
		{Name: "TE that does not end in chunked: 400, close", Source: "9112 6.3 MUST", Request: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", Met: refused},
		{Name: "TE with a vertical tab: refuse", Source: "9112 6.1", Request: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", Met: refused},
		{Name: "different lengths: 400, close", Source: "9112 6.3 MUST", Request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", Met: refused},
		{Name: "length with a sign: 400, close", Source: "9112 6.3 MUST", Request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", Met: refused},
		{Name: "bad chunk size: error, close", Source: "9112 7.1, 8", Request: te + "0x3\r\nabc\r\n0\r\n\r\n", Met: (*Seen).Refused},
		{Name: "chunk longer than its size: error, close", Source: "9112 7.1, 8", Request: te + "3\r\nabcd\r\n0\r\n\r\n", Met: (*Seen).Refused},
		{Name: "bare LF ends a chunk extension: error, close", Source: "9112 7.1.1", Request: te + "3;a\nabc\r\n0\r\n\r\n", Met: (*Seen).Refused},
		{Name: "bad chunk size, next request behind", Source: "9112 8", Request: te + "zz\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", Met: func(s *Seen) bool { return s.Refused() && !strings.Contains(s.Server, "smuggled") }},
	}
}

// requests is about single requests.
func requests() []Demand {
	return []Demand{
		{Name: "no Host: 400", Source: "9112 3.2 MUST", Request: "GET / HTTP/1.1\r\n\r\n", Met: told("400")},
		{Name: "two Hosts: 400", Source: "9112 3.2 MUST", Request: get + "Host: h\r\n\r\n", Met: told("400")},
		{Name: "invalid Host: 400", Source: "9112 3.2 MUST", Request: "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", Met: told("400")},
		{Name: "space before a colon: 400", Source: "9112 5.1 MUST", Request: get + "A : b\r\n\r\n", Met: told("400")},
		{Name: "folded line: 400, or unfolded", Source: "9112 5.2 MUST", Request: get + "A: b\r\n c\r\n\r\n", Met: func(s *Seen) bool { return s.Status() == "400" || served(s) && !strings.Contains(s.Server, "\r\n c") }},
		{Name: "space before the first field: refuse, or drop it", Source: "9112 2.2 MUST", Request: "GET / HTTP/1.1\r\n A: b\r\nHost: h\r\n\r\n", Met: func(s *Seen) bool { return s.Status() == "400" || served(s) && !strings.Contains(s.Server, "A: b") }},
		{Name: "NUL in a value: refuse or replace", Source: "9110 5.5 MUST", Request: get + "A: \x00\r\n\r\n", Met: func(s *Seen) bool { return !strings.Contains(s.Server, "\x00") }},
		{Name: "bare CR in a value: refuse or replace", Source: "9110 5.5, 9112 2.2 MUST", Request: get + "A: b\rc\r\n\r\n", Met: func(s *Seen) bool { return !strings.Contains(s.Server, "b\rc") }},
		{Name: "unknown major version: 505", Source: "9110 15.6.6", Request: "GET / HTTP/9.9\r\nHost: h\r\n\r\n", Met: told("505")},
		{Name: "leading CRLF: ignored", Source: "9112 2.2 SHOULD", Request: "\r\n" + get + "\r\n", Met: served},
		{Name: "CONNECT: refused", Source: "9110 9.3.6", Request: "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", Met: func(s *Seen) bool { return s.Heads == 0 && strings.HasPrefix(s.Status(), "4") }},
		{Name: "pipelined requests answered in order", Source: "9112 9.3.2 MUST", Request: get + "\r\n" + get + "\r\n", Met: func(s *Seen) bool { return strings.Count(s.Client, "hello") == 2 }},
		{Name: "a half-closed client gets its answer", Source: "good practice", Request: get + "\r\n", HalfClose: true, Met: served},
		{Name: "a target of 8,000 bytes is taken", Source: "9112 3 RECOMMENDED", Request: "GET /" + strings.Repeat("a", 7990) + " HTTP/1.1\r\nHost: h\r\n\r\n", Met: served},
	}
}

// forwarding is about what reaches the server.
func forwarding() []Demand {
	return []Demand{
		{Name: "absolute target replaces Host", Source: "9112 3.2.2 MUST", Request: "GET http://h/x HTTP/1.1\r\nHost: evil\r\n\r\n", Met: func(s *Seen) bool { return s.Heads == 1 && !strings.Contains(lower(s.Server), "host: evil") }},
		{Name: "path and query unchanged", Source: "9110 7.7 MUST", Request: "GET /a//b?x=1;y&z=%7e HTTP/1.1\r\nHost: h\r\n\r\n", Met: func(s *Seen) bool { return strings.Contains(s.Server, " /a//b?x=1;y&z=%7e ") }},
		{Name: "fields named by Connection removed", Source: "9110 7.6.1 MUST", Request: get + "Connection: X-Hop\r\nX-Hop: 1\r\n\r\n", Met: func(s *Seen) bool { return s.Heads == 1 && !strings.Contains(lower(s.Server), "x-hop: 1") }},
		{Name: "Upgrade: h2c does not pass", Source: "9110 7.8, 9113 3.1", Request: get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", Met: func(s *Seen) bool { return s.Heads == 1 && !strings.Contains(lower(s.Server), "h2c") }},
		{Name: "order and repeats of fields kept", Source: "9110 5.3 MUST", Request: get + "B: 1\r\nA: 2\r\nB: 3\r\n\r\n", Met: func(s *Seen) bool {
			l := lower(s.Server)
			i, j := strings.Index(l, "b: 1"), strings.Index(l, "b: 3")
			return i >= 0 && j > i
		}},
		{Name: "Max-Forwards counted down", Source: "9110 7.6.2 MUST", Request: "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 5\r\n\r\n", Met: func(s *Seen) bool { return strings.Contains(lower(s.Server), "max-forwards: 4") }},
		{Name: "Max-Forwards: 0 goes no further", Source: "9110 7.6.2 MUST", Request: "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n", Met: func(s *Seen) bool { return s.Heads == 0 }},
		{Name: "Via sent to servers", Source: "9110 7.6.3 MUST", Request: get + "\r\n", Met: func(s *Seen) bool { return strings.Contains(lower(s.Server), "\nvia: 1.1 ") }},
		{Name: "spoofed Forwarded does not pass", Source: "7239 8.1", Request: get + "Forwarded: for=6.6.6.6\r\n\r\n", Met: func(s *Seen) bool { return s.Heads == 1 && !strings.Contains(s.Server, "6.6.6.6") }},
		{Name: "spoofed X-Forwarded-For is not the last word", Source: "good practice", Request: get + "X-Forwarded-For: 6.6.6.6\r\n\r\n", Met: func(s *Seen) bool {
			return s.Heads == 1 && strings.LastIndex(s.Server, "127.0.0.1") > strings.LastIndex(s.Server, "6.6.6.6")
		}},
		{Name: "nothing invented (Accept-Encoding, User-Agent)", Source: "good practice", Request: get + "\r\n", Met: func(s *Seen) bool {
			return s.Heads == 1 && !strings.Contains(lower(s.Server), "accept-encoding") && !strings.Contains(lower(s.Server), "user-agent")
		}},
	}
}

// responses is about what the client sees of a server's answer.
func responses() []Demand {
	chunked := ok + "Transfer-Encoding: chunked\r\n\r\n"
	return []Demand{
		{Name: "103 passes to HTTP/1.1", Source: "9110 15.2 MUST", Request: get + "\r\n", Answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + hello, Met: func(s *Seen) bool { return strings.HasPrefix(s.Client, "HTTP/1.1 103 ") && served(s) }},
		{Name: "103 does not pass to HTTP/1.0", Source: "9110 15.2 MUST", Request: "GET / HTTP/1.0\r\nHost: h\r\n\r\n", Answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + hello, Met: func(s *Seen) bool {
			return !strings.Contains(s.Client, " 103 ") && strings.HasSuffix(s.Client, "hello")
		}},
		{Name: "an unasked 101 is no tunnel", Source: "9110 7.8 MUST", Request: get + "\r\n", Answer: "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw", Met: func(s *Seen) bool { return !strings.Contains(s.Client, "raw") }},
		{Name: "chunks are not sent to HTTP/1.0", Source: "9112 7.1 MUST", Request: "GET / HTTP/1.0\r\nHost: h\r\n\r\n", Answer: chunked + "5\r\nhello\r\n0\r\n\r\n", Met: func(s *Seen) bool {
			return strings.HasSuffix(s.Client, "\r\n\r\nhello") && !strings.Contains(lower(s.Client), "transfer-encoding")
		}},
		{Name: "bad length: 502", Source: "9112 6.3 MUST", Request: get + "\r\n", Answer: ok + "Content-Length: 5x\r\n\r\nhello", Ends: 'f', Met: told("502")},
		{Name: "different lengths: 502", Source: "9112 6.3 MUST", Request: get + "\r\n", Answer: ok + "Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello", Ends: 'f', Met: told("502")},
		{Name: "no HTTP at all: 502", Source: "9110 15.6.3", Request: get + "\r\n", Answer: "hello\r\n\r\n", Ends: 'f', Met: told("502")},
		{Name: "a NUL in a value does not pass", Source: "9110 5.5 MUST", Request: get + "\r\n", Answer: ok + "A: \x00\r\nContent-Length: 5\r\n\r\nhello", Met: func(s *Seen) bool { return !strings.Contains(s.Client, "\x00") }},
		{Name: "space before a colon removed", Source: "9112 5.1 MUST", Request: get + "\r\n", Answer: ok + "A : b\r\nContent-Length: 5\r\n\r\nhello", Met: func(s *Seen) bool { return !strings.Contains(s.Client, "A :") }},
		{Name: "folded line: 502, or unfolded", Source: "9112 5.2 MUST", Request: get + "\r\n", Answer: ok + "A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello", Met: func(s *Seen) bool { return !strings.Contains(s.Client, "\r\n c") }},
		{Name: "a cut length stays visible", Source: "9112 8", Request: get + "\r\n", Answer: ok + "Content-Length: 9\r\n\r\nhello", Ends: 'f', Met: func(s *Seen) bool {
			return s.Closed && s.Status() != "200" || s.Closed && strings.Contains(s.Client, "9\r\n")
		}},
		{Name: "a cut chunk stays visible", Source: "9112 8", Request: get + "\r\n", Answer: chunked + "9\r\nhello", Ends: 'f', Met: func(s *Seen) bool { return s.Closed && !strings.HasSuffix(s.Client, "0\r\n\r\n") }},
		{Name: "fields named by Connection removed, in answers", Source: "9110 7.6.1 MUST", Request: get + "\r\n", Answer: ok + "Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\nhello", Met: func(s *Seen) bool { return served(s) && !strings.Contains(lower(s.Client), "x-hop: 1") }},
		{Name: "Date added", Source: "9110 6.6.1 MUST", Request: get + "\r\n", Met: func(s *Seen) bool { return strings.Contains(lower(s.Client), "\ndate: ") }},
		{Name: "no length in 204", Source: "9110 8.6 MUST NOT", Request: get + "\r\n", Answer: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Met: func(s *Seen) bool { return s.Status() == "204" && !strings.Contains(lower(s.Client), "content-length") }},
		{Name: "a head of 1 MiB: 502", Source: "good practice", Request: get + "\r\n", Answer: ok + "A: " + strings.Repeat("a", 1<<20) + "\r\nContent-Length: 5\r\n\r\nhello", Met: told("502")},
	}
}
