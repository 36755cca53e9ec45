package probe

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// parse makes a Check of options as they stand in a server's description.
func parse(t testing.TB, options string) Check {
	t.Helper()
	var c Check
	for word := range strings.FieldsSeq(options) {
		key, value, _ := strings.Cut(word, "=")
		rule, known := c.Set(strings.TrimPrefix(strings.TrimPrefix(key, "check"), "-"), value)
		if rule != "" || !known {
			t.Fatalf("%s: %s, known %v", word, rule, known)
		}
	}
	if rule := c.Rule(); rule != "" {
		t.Fatalf("%s: %s", options, rule)
	}
	return c
}

// ask sends answer to a Probe in pieces of size bytes and then ends it.
func ask(c *Check, answer string, size int) Result {
	p, _ := c.Begin("10.0.0.1:80")
	for len(answer) > 0 {
		n := min(size, len(answer))
		if r, done := p.Take([]byte(answer[:n])); done {
			return r
		}
		answer = answer[n:]
	}
	return p.End()
}

var answers = []struct{ check, answer, want string }{
	{"check=/", "HTTP/1.1 200 OK\r\n\r\n", "L7OK 200"},
	{"check=/", "HTTP/1.1 399 X\r\n\r\n", "L7OK 399"},
	{"check=/", "HTTP/1.0 302\r\n\r\n", "L7OK 302"},
	{"check=/", "HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 204 N\r\n\r\n", "L7OK 204"},
	{"check=/", "HTTP/1.1 101 S\r\n\r\n", "L7STS 101"},
	{"check=/", "HTTP/1.1 400 B\r\n\r\n", "L7STS 400"},
	{"check=/", "HTTP/1.1 503 B\r\n\r\n", "L7STS 503"},
	{"check=/", "HTTP/1.1 200 OK\r\nA", "L7RSP no response"},
	{"check=/", "", "L7RSP no response"},
	{"check=/", "SSH-2.0-x\r\n", "L7RSP bad response from the backend: malformed status line"},
	{"check=/ check-status=401,418-420", "HTTP/1.1 401 U\r\n\r\n", "L7OK 401"},
	{"check=/ check-status=401,418-420", "HTTP/1.1 419 U\r\n\r\n", "L7OK 419"},
	{"check=/ check-status=401,418-420", "HTTP/1.1 200 OK\r\n\r\n", "L7STS 200"},
	{"check=/ check-body=ready%20now", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nI ready now!", "L7OK 200"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstart", "L7RSP the expected text is not in the body"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nstart", "L7RSP the response ended early"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nready", "L7RSP the expected text is not in the body"},
	{"check=/ check-body=ready", "HTTP/1.1 204 N\r\n\r\n", "L7RSP the expected text is not in the body"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\n\r\nrea", "L7RSP the expected text is not in the body"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\n\r\nall is ready", "L7OK 200"},
	{"check=/ check-body=ready", "HTTP/1.1 500 E\r\n\r\nready", "L7STS 500"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n", "L7OK 200"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n0\r\n\r\n", "L7RSP the expected text is not in the body"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", "L7RSP bad response from the backend: invalid chunk size"},
	{"check=/ check-body=ready", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", maxBody) + "ready", "L7RSP the expected text is not in the body"},
	{"check=redis", "+PONG\r\n", "L7OK PONG"},
	{"check=redis", "-NOAUTH Authentication required.\r\n", "L7OK NOAUTH"},
	{"check=redis", "-LOADING Redis is loading the dataset in memory\r\n", "L7STS LOADING"},
	{"check=redis", "-MASTERDOWN\x1b[31m x\r\n", "L7STS MASTERDOWN?[31m"},
	{"check=redis", "HTTP/1.1 400 Bad\r\n", "L7RSP not a reply to PING"},
	{"check=redis", strings.Repeat("x", maxLine), "L7RSP not a reply to PING"},
	{"check=redis", "+PON", "L7RSP no response"},
}

func TestAnswers(t *testing.T) {
	for _, a := range answers {
		c := parse(t, a.check)
		for _, size := range []int{1, 7, 1 << 20} {
			if got := ask(&c, a.answer, size); got.Text != a.want && !(size > maxBody && len(a.answer) > maxBody) || got.Passed != strings.HasPrefix(got.Text, "L7OK") {
				t.Errorf("%s, in pieces of %d: %q gives %+v, want %s", a.check, size, a.answer[:min(80, len(a.answer))], got, a.want)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	for check, want := range map[string]string{
		"check=/up?x=1":                       "GET /up?x=1 HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: pingd-check\r\nConnection: close\r\n\r\n",
		"check=/ check-host=shop.example.org": "GET / HTTP/1.1\r\nHost: shop.example.org\r\nUser-Agent: pingd-check\r\nConnection: close\r\n\r\n",
		"check=redis":                         "*1\r\n$4\r\nPING\r\n",
		"check=tcp":                           "",
		"":                                    "",
	} {
		c := parse(t, check)
		if _, got := c.Begin("10.0.0.1:80"); string(got) != want {
			t.Errorf("%s asks %q", check, got)
		}
	}
	if r := Connected(); !r.Passed || r.Text != "L4OK" {
		t.Errorf("%+v", r)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for _, word := range []string{
		"=ping", "=", "=/a b", "=/a#b", "=/\x7f", "host=", "host=a b", "host=a/b", "host=ä",
		"status=", "status=99", "status=600", "status=300-200", "status=2xx", "status=200,", "body=", "body=%zz",
	} {
		var c Check
		key, value, _ := strings.Cut(word, "=")
		if rule, known := c.Set(key, value); rule == "" || !known {
			t.Errorf("%q is accepted: %+v", word, c)
		}
	}
	if _, known := (&Check{}).Set("interval", "2s"); known {
		t.Error("another's option is taken")
	}
	for _, c := range []Check{{Kind: Redis, Body: "x"}, {Host: "a"}, {Expect: usual}} {
		if c.Rule() == "" {
			t.Errorf("%+v breaks no rule", c)
		}
	}
}

func TestString(t *testing.T) {
	for _, s := range []string{"tcp", "redis", "/healthz"} {
		if c := parse(t, "check="+s); c.String() != s {
			t.Errorf("%s became %s", s, c)
		}
	}
}

func TestStatuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(100, 599).Draw(t, "from")
		to := rapid.IntRange(from, 599).Draw(t, "to")
		var s Statuses
		s.add(from, to)
		for code := -10; code < 1000; code++ {
			if s.Has(code) != (code >= from && code <= to) {
				t.Fatalf("%d in %d-%d: %v", code, from, to, s.Has(code))
			}
		}
	})
}

// FuzzProbe: whatever a server sends, and in whatever pieces, a check ends with
// one line of text, and the pieces make no difference.
func FuzzProbe(f *testing.F) {
	for i, a := range answers {
		f.Add(byte(i), a.answer, 5)
	}
	f.Fuzz(func(t *testing.T, which byte, answer string, size int) {
		if len(answer) > maxBody/2 {
			return // what is looked at beyond the limit depends on the pieces
		}
		c := parse(t, answers[int(which)%len(answers)].check)
		whole := ask(&c, answer, max(len(answer), 1))
		if strings.ContainsAny(whole.Text, "\r\n\x1b") || whole.Text == "" {
			t.Fatalf("result %q", whole.Text)
		}
		if parts := ask(&c, answer, max(size, 1)); parts != whole {
			t.Fatalf("whole %+v, in pieces of %d %+v", whole, size, parts)
		}
	})
}
