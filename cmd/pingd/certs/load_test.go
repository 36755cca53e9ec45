package certs

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestOpenSaysWhichFlagIsWrong(t *testing.T) {
	good, other := newAuthority(t, "good"), newAuthority(t, "other")
	cert, key := good.sign(forNodes, nil)
	_, otherKey := good.sign(forNodes, nil)
	server, serverKey := good.sign(forServers, nil)
	client, clientKey := good.sign(forClients, nil)
	any, anyKey := good.sign(nil, nil)
	f := write(t, cert, key, good.pem, otherKey, other.pem, []byte("hello"), server, serverKey, client, clientKey, any, anyKey,
		[]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	tests := []struct {
		name  string
		files Files
		want  []string // of the error; nil: none
	}{
		{"all well", Files{f[0], f[1], f[2]}, nil},
		{"no authorities", Files{f[0], f[1], ""}, nil},
		{"authorities alone", Files{"", "", f[2]}, nil},
		{"any use", Files{f[10], f[11], f[2]}, nil},
		{"no certificate", Files{"/nowhere", f[1], f[2]}, []string{"--tls-cert=/nowhere: there is no such file"}},
		{"no key", Files{f[0], "/nowhere", f[2]}, []string{"--tls-key=/nowhere: there is no such file"}},
		{"no authority", Files{f[0], f[1], "/nowhere"}, []string{"--tls-ca=/nowhere: there is no such file"}},
		{"a directory", Files{"/", f[1], f[2]}, []string{"--tls-cert=/: read /: is a directory"}},
		{"another key", Files{f[0], f[3], f[2]}, []string{"--tls-key=" + f[3] + ": is not the key of --tls-cert=" + f[0]}},
		{"the key as certificate", Files{f[1], f[1], f[2]}, []string{"--tls-cert=" + f[1], "holds no certificate"}},
		{"text as authority", Files{f[0], f[1], f[5]}, []string{"--tls-ca=" + f[5], "holds no certificate"}},
		{"another authority", Files{f[0], f[1], f[4]}, []string{"--tls-cert=" + f[0] + ": was not signed by an authority in --tls-ca=" + f[4]}},
		{"a server's only", Files{f[6], f[7], f[2]}, []string{"lacks clientAuth", "hint: "}},
		{"a client's only", Files{f[8], f[9], f[2]}, []string{"lacks serverAuth", "hint: "}},
		{"a key with a password", Files{f[0], f[12], f[2]}, []string{"--tls-key=" + f[12]}},
	}
	for _, tt := range tests {
		k, err := Open(Config{Files: tt.files, Serves: true})
		if (err == nil) != (tt.want == nil) || (k == nil) == (err == nil) {
			t.Errorf("%s: got %v", tt.name, err)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q", tt.name, err, w)
			}
		}
	}
	if _, err := Open(Config{Files: Files{f[8], f[9], f[2]}}); err != nil {
		t.Errorf("a command needs a client's certificate only: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	a := newAuthority(t, "a")
	tests := []struct {
		name   string
		change func(*x509.Certificate)
		want   string
	}{
		{"fine", nil, ""},
		{"over", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }, "nobody accepts it"},
		{"soon over", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(13 * 24 * time.Hour) }, "ends on "},
		{"not yet", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, "is the clock right?"},
	}
	for _, tt := range tests {
		cert, key := a.sign(forNodes, tt.change)
		f := write(t, cert, key, a.pem)
		got := strings.Join(open(t, Config{Files: Files{f[0], f[1], f[2]}, Serves: true}).Warnings(), "\n")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
}

// A process that runs for long is reminded of its certificate's end, once a day.
func TestReminders(t *testing.T) {
	a := newAuthority(t, "a")
	cert, key := a.sign(forNodes, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(13 * 24 * time.Hour) })
	f := write(t, cert, key, a.pem)
	var log bytes.Buffer
	k := open(t, Config{Files: Files{f[0], f[1], f[2]}, Serves: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	handshakes := func() int {
		log.Reset()
		for range 3 {
			k.looked = time.Now().Add(-lookEvery)
			k.current()
		}
		return strings.Count(log.String(), "ends on")
	}
	if n := handshakes(); n != 0 {
		t.Errorf("%d reminders at the start, which warns by itself: %s", n, log.String())
	}
	k.warned = time.Now().Add(-remindEvery)
	if n := handshakes(); n != 1 {
		t.Errorf("%d reminders after a day: %s", n, log.String())
	}
}
