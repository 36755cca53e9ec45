package notify

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pingd/monitor/alert"
)

// server is a real SMTP server, aiosmtpd; each mail it takes is a line of JSON.
const server = `
import asyncio, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such mailbox"
        if address.startswith("later"):
            return "450 try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": envelope.content.decode("latin1"),
            "tls": session.ssl is not None, "user": (session.auth_data or LoginPassword(b"", b"")).login.decode()}), flush=True)
        return "250 OK"
def authenticate(server, session, envelope, mechanism, data):
    known = data.login == b"pingd" and data.password == b"hush"
    return AuthResult(success=known, handled=known, auth_data=data)
async def main(cert, key):
    tls = None
    if cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(cert, key)
    loop = asyncio.get_running_loop()
    srv = await loop.create_server(lambda: SMTP(Handler(), hostname="localhost", tls_context=tls, authenticator=authenticate), "127.0.0.1", 0)
    print(srv.sockets[0].getsockname()[1], flush=True)
    await srv.serve_forever()
asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2] if len(sys.argv) > 2 else ""))
`

type received struct {
	From, Data, User string
	To               []string
	TLS              bool
}

// startMail starts the server and returns its address and what it takes.
func startMail(t *testing.T, args ...string) (addr string, next func() received) {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, which has Debian's packages, whatever PATH says
	if out, err := exec.Command(python, "-c", "import aiosmtpd").CombinedOutput(); err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatalf("install the Debian package python3-aiosmtpd: %s", out)
		}
		t.Skip("install the Debian package python3-aiosmtpd")
	}
	cmd := exec.Command(python, append([]string{"-c", server}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		t.Fatal("the mail server did not start")
	}
	addr = net.JoinHostPort("localhost", lines.Text())
	return addr, func() (r received) {
		t.Helper()
		if !lines.Scan() {
			t.Fatal("no mail came")
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// certificate writes one for localhost and returns its files and who trusts it.
func certificate(t *testing.T) (cert, key string, trust *tls.Config) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", keyDER), &tls.Config{RootCAs: pool}
}

func TestMailToARealServer(t *testing.T) {
	addr, next := startMail(t)
	m := Mail(MailConfig{Server: addr, From: "pingd <pingd@example.org>", To: []string{"ops@example.org", "on call <b@example.org>"}})
	msg := message()
	msg.Changes[0].Subject = "/srv\r\nBcc: everybody@example.org\r\n\r\nünïcode " + strings.Repeat("long ", 60)
	msg.Changes = msg.Changes[:1]
	if err := m.Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	got := next()
	if got.From != "pingd@example.org" || fmt.Sprint(got.To) != "[ops@example.org b@example.org]" || got.TLS {
		t.Errorf("envelope %+v", got)
	}
	read, err := mail.ReadMessage(strings.NewReader(got.Data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	if err != nil || !strings.HasPrefix(subject, "pingd: CRITICAL: space used on /srv") || !strings.Contains(subject, "ünïcode") {
		t.Errorf("subject %q, %v", subject, err)
	}
	if read.Header.Get("Bcc") != "" || read.Header.Get("To") == "" || read.Header.Get("Message-Id") == "" {
		t.Errorf("a name broke out of its header: %v", read.Header)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(read.Body))
	if err != nil || !strings.Contains(string(body), "rule a, series space./.used, 2027-01-15T08:01:00Z") || !strings.Contains(string(body), "seen by h1, http://h1:19999/") {
		t.Errorf("body %s, %v", body, err)
	}
}

func TestMailWithTLSAndPassword(t *testing.T) {
	cert, key, trust := certificate(t)
	addr, next := startMail(t, cert, key)
	cfg := MailConfig{Server: addr, From: "pingd@example.org", To: []string{"ops@example.org"}, User: "pingd", Password: "hush", TLS: trust}
	if err := Mail(cfg).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if got := next(); !got.TLS || got.User != "pingd" {
		t.Errorf("envelope %+v", got)
	}
	cfg.Password = "wrong"
	if err := Mail(cfg).Send(t.Context(), message()); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong password: %v", err)
	}
	cfg.TLS = nil
	if err := Mail(cfg).Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate nobody vouches for: %v", err)
	}
}

func TestMailThatIsRefused(t *testing.T) {
	addr, _ := startMail(t)
	send := func(to string) error {
		return Mail(MailConfig{Server: addr, From: "a@example.org", To: []string{to}}).Send(t.Context(), message())
	}
	if err := send("nobody@example.org"); !errors.Is(err, ErrRefused) {
		t.Errorf("550 is final: %v", err)
	}
	if err := send("later@example.org"); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("450 is not: %v", err)
	}
	for _, server := range []string{"127.0.0.1:1", "no port", "127.0.0.1:465"} {
		err := Mail(MailConfig{Server: server, From: "a@example.org", To: []string{"b@example.org"}}).Send(t.Context(), message())
		if err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), server) {
			t.Errorf("%s: %v", server, err)
		}
	}
}

func TestComposeIsOneMail(t *testing.T) {
	text := string(mailer{MailConfig{From: "a@b", To: []string{"c@d"}}}.compose(Message{Node: "h", Changes: []alert.Change{change("a", alert.Clear, alert.Warn)}}, time.Unix(0, 0).UTC()))
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 998 {
			t.Errorf("line %q", line)
		}
	}
	if !strings.Contains(text, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n") || !strings.Contains(text, "@b>\r\n") {
		t.Errorf("mail %s", text)
	}
}

// TestMailIsSentOnce holds that a mail which the server has taken is not sent again
// because the server hung up before it was told goodbye.
func TestMailIsSentOnce(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			served <- err
			return
		}
		defer conn.Close()
		in := bufio.NewScanner(conn)
		fmt.Fprint(conn, "220 hello\r\n")
		for inData := false; in.Scan(); {
			switch line := in.Text(); {
			case inData && line == ".":
				fmt.Fprint(conn, "250 taken\r\n")
				served <- nil
				return
			case inData:
			case line == "DATA":
				inData = true
				fmt.Fprint(conn, "354 go on\r\n")
			default:
				fmt.Fprint(conn, "250 ok\r\n")
			}
		}
		served <- errors.New("no mail came")
	}()
	way := Mail(MailConfig{Server: ln.Addr().String(), From: "pingd@example.org", To: []string{"ops@example.org"}})
	m := Message{Node: "h1", Changes: []alert.Change{{Alert: alert.Alert{Rule: "r", Series: "cpu.busy"}}}}
	if err := way.Send(t.Context(), m); err != nil {
		t.Errorf("it would be sent again: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestOneMailboxThatIsGone holds that an address which is refused keeps nobody else
// from being told, is named, and is no reason to send again what others have.
func TestOneMailboxThatIsGone(t *testing.T) {
	addr, next := startMail(t)
	for _, gone := range []string{"nobody@example.org", "later@example.org"} {
		way := Mail(MailConfig{Server: addr, From: "a@example.org", To: []string{gone, "ops@example.org"}})
		if err := way.Send(t.Context(), message()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), gone) {
			t.Errorf("%s: %v", gone, err)
			continue
		}
		if got := next(); len(got.To) != 1 || got.To[0] != "ops@example.org" {
			t.Errorf("told %v", got.To)
		}
	}
}
