package notify

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// MailConfig says how to send mail.
type MailConfig struct {
	Server   string // host:port; port 465 speaks TLS from the start
	From     string // address
	To       []string
	User     string // empty: no login
	Password string
	// RootCAs is for tests; nil: the system's.
	TLS *tls.Config
}

// Mail sends mail over SMTP (RFC 5321): with TLS wherever the server offers it, and
// never a password without.
func Mail(c MailConfig) Way { return mailer{c} }

type mailer struct{ cfg MailConfig }

func (m mailer) Name() string { return "mail " + m.cfg.Server }

func (m mailer) Send(ctx context.Context, msg Message) error {
	if err := m.send(ctx, m.compose(msg, time.Now())); err != nil {
		var reply *textproto.Error
		if errors.As(err, &reply) && reply.Code >= 500 {
			return fmt.Errorf("%w: send mail by %s: %w", ErrRefused, m.cfg.Server, err)
		}
		return fmt.Errorf("send mail by %s: %w", m.cfg.Server, err)
	}
	return nil
}

func (m mailer) send(ctx context.Context, text []byte) error {
	conn, host, err := m.dial(ctx)
	if err != nil {
		return err
	}
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end) // a connection that can not be bounded is bounded by its peer
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer c.Close() // after Quit it is closed already
	if err := m.greet(c, host); err != nil {
		return err
	}
	if err := c.Mail(address(m.cfg.From)); err != nil {
		return err
	}
	var refused error
	taken := 0
	for _, to := range m.cfg.To {
		if err := c.Rcpt(address(to)); err != nil {
			refused = errors.Join(refused, fmt.Errorf("%s: %w", to, err))
			continue
		}
		taken++
	}
	if taken == 0 {
		return refused
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit()        // the mail is taken, whatever becomes of the goodbye: an error would send it again
	if refused != nil { // so would this one, to those who have it
		return fmt.Errorf("%w: %w", ErrRefused, refused)
	}
	return nil
}

func (m mailer) dial(ctx context.Context) (conn net.Conn, host string, err error) {
	host, port, err := net.SplitHostPort(m.cfg.Server)
	if err != nil {
		return nil, "", err
	}
	if port == "465" {
		conn, err = (&tls.Dialer{Config: m.tls(host)}).DialContext(ctx, "tcp", m.cfg.Server)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", m.cfg.Server)
	}
	return conn, host, err
}

func (m mailer) tls(host string) *tls.Config {
	c := &tls.Config{}
	if m.cfg.TLS != nil {
		c = m.cfg.TLS.Clone()
	}
	c.ServerName = host
	return c
}

// greet turns to TLS and logs in. PlainAuth itself refuses to show a password
// without TLS to any other machine.
func (m mailer) greet(c *smtp.Client, host string) error {
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(m.tls(host)); err != nil {
			return err
		}
	}
	if m.cfg.User == "" {
		return nil
	}
	return c.Auth(smtp.PlainAuth("", m.cfg.User, m.cfg.Password, host))
}

// address is the bare address of "Name <address>".
func address(s string) string {
	if a, err := mail.ParseAddress(s); err == nil {
		return a.Address
	}
	return s
}

// compose writes the mail (RFC 5322). Names from outside can not break out of the
// header they stand in: it is encoded.
func (m mailer) compose(msg Message, now time.Time) []byte {
	var b bytes.Buffer
	id := make([]byte, 12)
	_, _ = rand.Read(id) // never fails
	_, domain, _ := strings.Cut(address(m.cfg.From), "@")
	for _, h := range [...][2]string{
		{"From", m.cfg.From},
		{"To", strings.Join(m.cfg.To, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", oneLine("pingd: "+msg.Headline()))},
		{"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", fmt.Sprintf("<%x@%s>", id, domain)},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	for i := range msg.Changes {
		c := &msg.Changes[i]
		fmt.Fprintf(w, "%s\r\n  rule %s, series %s, %s\r\n", oneLine(Line(c)), c.Rule, oneLine(c.Series),
			time.Unix(c.Changed, 0).UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(w, "\r\nseen by %s", msg.Node)
	if msg.Page != "" {
		fmt.Fprintf(w, ", %s", msg.Page)
	}
	fmt.Fprint(w, "\r\n")
	_ = w.Close() // a bytes.Buffer takes everything
	return b.Bytes()
}

// oneLine takes line ends and other control characters out of a name.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
