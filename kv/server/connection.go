package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/server/info"
)

func (c *conn) cmdPing(args [][]byte) {
	if len(args) > 2 {
		c.fail("ERR wrong number of arguments for 'ping' command")
		return
	}
	if c.subs.count() > 0 && c.proto == resp.RESP2 {
		c.array(2)
		c.bulk("pong")
		if len(args) == 1 {
			c.bulk("")
			return
		}
		c.out = resp.AppendBulk(c.out, args[1])
		return
	}
	if len(args) == 1 {
		c.out = append(c.out, "+PONG\r\n"...)
		return
	}
	c.out = resp.AppendBulk(c.out, args[1])
}

func (c *conn) cmdEcho(args [][]byte) { c.out = resp.AppendBulk(c.out, args[1]) }

func (c *conn) cmdQuit([][]byte) {
	c.quit = true
	c.ok()
}

// cmdReset brings the connection back to how it began (RESET).
func (c *conn) cmdReset([][]byte) {
	c.multi.reset()
	c.unsubscribeAll()
	c.reply, c.readonly, c.db = replyOn, false, 0
	c.setProto(resp.RESP2)
	c.name = ""
	c.setAuthed(c.srv.cfg.Secret == "")
	c.out = append(c.out, "+RESET\r\n"...)
}

func (c *conn) setProto(v uint8) {
	c.proto = v
	c.isResp3.Store(v >= resp.RESP3)
}

func (c *conn) setAuthed(yes bool) {
	c.authed = yes
	if yes {
		c.rd.SetLimits(c.srv.limits())
		return
	}
	c.rd.SetLimits(resp.BeforeAuth())
}

func (c *conn) cmdSelect(args [][]byte) {
	db, ok := parseDB(args[1])
	switch {
	case ok:
		c.db = db
		c.ok()
	case isInt(args[1]):
		c.fail("ERR DB index is out of range")
	default:
		c.fail("ERR value is not an integer or out of range")
	}
}

func parseDB(b []byte) (uint8, bool) {
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 || n >= engine.Databases {
		return 0, false
	}
	return uint8(n), true
}

func isInt(b []byte) bool {
	_, err := strconv.ParseInt(string(b), 10, 32)
	return err == nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func (c *conn) cmdReadOnly([][]byte)  { c.readonly = true; c.ok() }
func (c *conn) cmdReadWrite([][]byte) { c.readonly = false; c.ok() }

// digest gives passwords one length, so that comparing them takes one time.
func digest(password []byte) [32]byte { return sha256.Sum256(password) }

const (
	errWrongPass = "WRONGPASS invalid username-password pair or user is disabled."
	errNoPass    = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errHelloNoAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
		"HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the " +
		"RESP protocol version at the same time"
)

func (c *conn) cmdAuth(args [][]byte) {
	switch {
	case len(args) > 3:
		c.fail("ERR syntax error")
	case len(args) == 2 && c.srv.cfg.Secret == "":
		c.fail(errNoPass)
	case len(args) == 2 && c.login([]byte("default"), args[1]):
		c.ok()
	case len(args) == 3 && c.login(args[1], args[2]):
		c.ok()
	default:
		c.fail(errWrongPass)
	}
}

// login checks name and password; the time it takes depends on neither.
func (c *conn) login(user, password []byte) bool {
	got := digest(password)
	right := subtle.ConstantTimeCompare(got[:], c.srv.secret[:]) == 1
	if string(user) != "default" || (!right && c.srv.cfg.Secret != "") {
		c.srv.log.Info("wrong password", "client", c.id, "addr", c.nc.RemoteAddr().String())
		return false
	}
	c.setAuthed(true)
	return true
}

// cmdHello is HELLO [version [AUTH user password] [SETNAME name]].
func (c *conn) cmdHello(args [][]byte) {
	proto := c.proto
	if len(args) > 1 {
		v, err := strconv.ParseInt(string(args[1]), 10, 64)
		switch {
		case err != nil:
			c.fail("ERR Protocol version is not an integer or out of range")
			return
		case v < resp.RESP2 || v > resp.RESP3:
			c.fail("NOPROTO unsupported protocol version")
			return
		}
		proto = uint8(v)
	}
	var user, password, name []byte
	for i := 2; i < len(args); i++ {
		left := len(args) - 1 - i
		switch option := strings.ToUpper(string(args[i])); {
		case option == "AUTH" && left >= 2:
			user, password = args[i+1], args[i+2]
			i += 2
		case option == "SETNAME" && left >= 1:
			name = args[i+1]
			i++
		default:
			c.fail("ERR Syntax error in HELLO option '" + cut(args[i], 128) + "'")
			return
		}
	}
	switch {
	case user != nil && !c.login(user, password):
		c.fail(errWrongPass)
	case !c.authed:
		c.fail(errHelloNoAuth)
	case name != nil && !validName(name):
		c.fail(errBadName)
	default:
		if name != nil {
			c.name = string(name)
		}
		c.setProto(proto)
		c.replyHello()
	}
}

func (c *conn) replyHello() {
	role := "replica"
	if c.srv.cfg.Store.IsLeader() {
		role = "master"
	}
	c.mapHead(7)
	c.bulk("server")
	c.bulk("redis")
	c.bulk("version")
	c.bulk(info.RedisVersion)
	c.bulk("proto")
	c.int(int64(c.proto))
	c.bulk("id")
	c.int(c.id)
	c.bulk("mode")
	c.bulk("standalone")
	c.bulk("role")
	c.bulk(role)
	c.bulk("modules")
	c.array(0)
}
