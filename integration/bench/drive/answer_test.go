package drive

import "testing"

func TestPlainAnswer(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	for _, tc := range []struct {
		answer string
		number int64
		rest   int // bytes of what follows
		ok     bool
	}{
		{head + "Content-Length: 3\r\n\r\n17\n", 17, 0, true},
		{head + "A: b\r\ncontent-length:2\r\nC: d\r\n\r\n17HTTP/1.1", 17, 8, true},
		{head + "Content-Length: 3\r\n\r\n17", 0, 0, false},
		{head + "Content-Length: 3\r\n", 0, 0, false},
		{head + "\r\n17\n", 0, 0, false},
		{head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n17", 0, 0, false},
		{head + "Content-Length: -1\r\n\r\n17", 0, 0, false},
		{head + "Content-Length: 2\r\nConnection: close\r\n\r\n17", 0, 0, false},
		{head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n17", 0, 0, false},
		{head + "Content-Length: 2\r\n\r\nhi", 0, 0, false},
		{"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n17", 0, 0, false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n17", 0, 0, false},
		{"", 0, 0, false},
	} {
		number, size, ok := plainAnswer([]byte(tc.answer))
		if ok != tc.ok || ok && (number != tc.number || size != len(tc.answer)-tc.rest) {
			t.Errorf("%q: number %d, %d bytes, %v", tc.answer, number, size, ok)
		}
	}
}
