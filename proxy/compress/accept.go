package compress

import (
	"bytes"

	"pingd/proxy/http1"
)

// preference is what Accept-Encoding says (RFC 9110 section 12.5.3): a weight in
// thousandths for each coding that counts here.
type preference struct {
	gzip, identity, any weight
	malformed           bool
}

// weight is a qvalue in thousandths plus 1, so that 0 means that none is given.
type weight int16

// note lowers w to q: of two that contradict each other the lower one counts.
func (w *weight) note(q weight) {
	if *w == 0 || q < *w {
		*w = q
	}
}

// add takes in one field line. What does not follow the grammar is not guessed at: a
// client that sends it gets what everybody understands.
func (p *preference) add(list []byte) {
	for more := true; more; {
		var item []byte
		item, list, more = bytes.Cut(list, []byte(","))
		if item = trim(item); len(item) == 0 {
			continue // RFC 9110 section 5.6.1.2
		}
		coding, param, weighted := bytes.Cut(item, []byte(";"))
		coding = bytes.TrimRight(coding, " \t")
		q, ok := weight(1001), true
		if weighted {
			q, ok = parseWeight(bytes.TrimLeft(param, " \t"))
		}
		if !ok || !http1.IsToken(coding) {
			p.malformed = true
			return
		}
		switch {
		case foldEqual(coding, "gzip"), foldEqual(coding, "x-gzip"): // RFC 9110 section 8.4.1.3
			p.gzip.note(q)
		case foldEqual(coding, "identity"):
			p.identity.note(q)
		case string(coding) == "*":
			p.any.note(q)
		}
	}
}

// wantsGzip reports whether gzip is acceptable, and no less welcome than the response
// as it is.
func (p *preference) wantsGzip() bool {
	gzip, identity := p.gzip, p.identity
	if gzip == 0 {
		gzip = p.any
	}
	if identity == 0 {
		identity = p.any
	}
	return !p.malformed && gzip > 1 && gzip >= identity
}

// parseWeight reads "q=" qvalue (RFC 9110 section 12.4.2).
func parseWeight(b []byte) (weight, bool) {
	if len(b) < 3 || len(b) > 7 || b[0]|0x20 != 'q' || b[1] != '=' || b[2] != '0' && b[2] != '1' {
		return 0, false
	}
	q, unit := weight(b[2]-'0')*1000, weight(100)
	if len(b) > 3 && b[3] != '.' {
		return 0, false
	}
	for _, d := range b[min(4, len(b)):] {
		if d < '0' || d > '9' {
			return 0, false
		}
		q += weight(d-'0') * unit
		unit /= 10
	}
	return q + 1, q <= 1000
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

// foldEqual reports whether b is s, which is in lower case, but for its case.
func foldEqual(b []byte, s string) bool {
	return len(b) == len(s) && bytes.EqualFold(b, []byte(s))
}
