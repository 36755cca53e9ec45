package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"pingd/kv/resp"
)

// Times of a backup's connection.
const (
	backupDial = 2 * time.Second
	// backupBegin bounds the wait for the first byte: the node takes a snapshot
	// before it, which it reads once more to check it.
	backupBegin = 5 * time.Minute
	// backupSilence bounds the wait for each further byte.
	backupSilence = time.Minute
)

// Backup asks the first of Config.Addrs that answers for all its data (PINGD
// BACKUP) and returns the backup as package backup writes it, as it arrives. stale
// asks for what that node has, even if it has no leader. The caller closes it; ctx
// ends it. Errors: ErrAuth, ErrUnavailable, or the node's refusal as ReplyError.
func (c *Client) Backup(ctx context.Context, stale bool) (io.ReadCloser, error) {
	c.resolve(ctx)
	c.mu.Lock()
	seeds := c.seeds
	c.mu.Unlock()
	call := CallError{Command: "BACKUP", kind: ErrUnavailable}
	for _, addr := range seeds {
		rc, err := c.backupFrom(ctx, addr, stale)
		var refused *ReplyError
		switch {
		case err == nil:
			return rc, nil
		case errors.Is(err, ErrAuth), errors.As(err, &refused), ctx.Err() != nil:
			return nil, err
		}
		call.failed(addr, err)
	}
	return nil, &call
}

func (c *Client) backupFrom(ctx context.Context, addr string, stale bool) (io.ReadCloser, error) {
	dial, cancel := context.WithTimeout(ctx, backupDial)
	defer cancel()
	conn, err := c.dial(dial, addr)
	if err != nil {
		return nil, err
	}
	s := &backupStream{conn: conn}
	s.stop = context.AfterFunc(ctx, func() { _ = lowest(conn).Close() })
	if err := s.begin(c.cfg.Secret, stale); err != nil {
		_ = s.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, backupError(addr, c.cfg.Secret != "", err)
	}
	return s, nil
}

// backupError makes an error of this package out of what a node answered.
func backupError(addr string, secretGiven bool, err error) error {
	var reply resp.ReplyError
	if !errors.As(err, &reply) {
		return err
	}
	switch classifyReply(reply.Error()) {
	case unwelcome:
		return authError(addr, secretGiven, err)
	case elsewhere:
		return err
	}
	return &ReplyError{Command: "BACKUP", err: err}
}

// backupStream is a connection that a backup comes over.
type backupStream struct {
	conn net.Conn
	in   *bufio.Reader
	body *resp.StreamReader
	stop func() bool
}

// begin asks for the backup and reads the start of the answer.
func (s *backupStream) begin(secret string, stale bool) error {
	var out []byte
	if secret != "" {
		out = appendCommand(out, "AUTH", secret)
	}
	if stale {
		out = appendCommand(out, "PINGD", "BACKUP", "STALE")
	} else {
		out = appendCommand(out, "PINGD", "BACKUP")
	}
	if err := s.conn.SetDeadline(time.Now().Add(backupBegin)); err != nil {
		return err
	}
	if _, err := s.conn.Write(out); err != nil {
		return err
	}
	s.in = bufio.NewReaderSize(s.conn, 256<<10)
	if secret != "" {
		if _, err := resp.ReadLine(s.in); err != nil {
			return err
		}
	}
	var err error
	s.body, err = resp.NewStreamReader(s.in)
	return err
}

func appendCommand(dst []byte, words ...string) []byte {
	dst = resp.AppendArray(dst, len(words))
	for _, w := range words {
		dst = resp.AppendBulkString(dst, w)
	}
	return dst
}

// Read returns the next bytes of the backup.
func (s *backupStream) Read(p []byte) (int, error) {
	if s.in.Buffered() == 0 {
		if err := s.conn.SetReadDeadline(time.Now().Add(backupSilence)); err != nil {
			return 0, fmt.Errorf("read backup: %w", err)
		}
	}
	n, err := s.body.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the node broke the backup off; its log tells why: %w", err)
	}
	return n, err
}

// Close ends the connection.
func (s *backupStream) Close() error {
	s.stop()
	return s.conn.Close()
}
