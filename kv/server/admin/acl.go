package admin

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"pingd/kv/resp/reply"
	"pingd/kv/server/catalog"
)

// ACL answers the subcommands of ACL: one user, default, who may do everything.
type ACL struct {
	Commands catalog.Index
	Secret   bool // a password is asked for
}

const (
	noFile = "ERR This Redis instance is not configured to use an ACL file. Users are not stored: there is one, default."
	noUser = "ERR users cannot be changed: there is one, default, whose password is the cluster's secret"
)

// categories are Redis 7.0's.
var categories = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
	"pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
}

// Cat is ACL CAT [category].
func (a ACL) Cat(w *reply.Writer, args [][]byte) {
	if len(args) == 2 {
		w.Strings(categories)
		return
	}
	want := strings.ToLower(string(args[2]))
	known := false
	for _, c := range categories {
		known = known || c == want
	}
	switch {
	case len(args) > 3:
		w.Fail(reply.Bad("acl", args[1]))
	case !known:
		w.Fail("ERR Unknown category '" + reply.Cut(args[2]) + "'")
	default:
		w.Strings(a.Commands.Names(func(e *catalog.Entry) bool {
			for _, c := range e.ACL {
				if c == "@"+want {
					return true
				}
			}
			return false
		}))
	}
}

// password is what ACL LIST shows of the password: never anything to attack.
func (a ACL) password() string {
	if a.Secret {
		return "#" + strings.Repeat("0", 64)
	}
	return "nopass"
}

// List is ACL LIST.
func (a ACL) List(w *reply.Writer) {
	w.Strings([]string{"user default on " + a.password() + " ~* &* +@all"})
}

// Users is ACL USERS.
func (a ACL) Users(w *reply.Writer) { w.Strings([]string{"default"}) }

// GetUser is ACL GETUSER name.
func (a ACL) GetUser(w *reply.Writer, args [][]byte) {
	if string(args[2]) != "default" {
		w.Null()
		return
	}
	flags, passwords := []string{"on", "nopass"}, []string{}
	if a.Secret {
		flags, passwords = flags[:1], []string{a.password()[1:]}
	}
	w.Map(6)
	w.Bulk("flags")
	w.Set(len(flags))
	for _, f := range flags {
		w.Bulk(f)
	}
	w.Bulk("passwords")
	w.Strings(passwords)
	for _, p := range [][2]string{{"commands", "+@all"}, {"keys", "~*"}, {"channels", "&*"}} {
		w.Bulk(p[0])
		w.Bulk(p[1])
	}
	w.Bulk("selectors")
	w.Array(0)
}

// DryRun is ACL DRYRUN user command [arg ...].
func (a ACL) DryRun(w *reply.Writer, args [][]byte) {
	e := a.Commands.Call(args[3:])
	switch {
	case string(args[2]) != "default":
		w.Fail("ERR User '" + reply.Cut(args[2]) + "' not found")
	case e == nil:
		w.Fail("ERR Command '" + reply.Cut(args[3]) + "' not found")
	case !e.ArityOK(len(args) - 3):
		w.Fail(reply.WrongArity(e.Name))
	default:
		w.OK()
	}
}

// GenPass is ACL GENPASS [bits].
func (a ACL) GenPass(w *reply.Writer, args [][]byte) {
	bits := 256
	if len(args) > 3 {
		w.Fail(reply.Bad("acl", args[1]))
		return
	}
	if len(args) > 2 {
		var err error
		if bits, err = strconv.Atoi(string(args[2])); err != nil {
			w.Fail(reply.ErrNotInt)
			return
		}
		if bits < 1 || bits > 4096 {
			w.Fail("ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096")
			return
		}
	}
	digits := int(math.Ceil(float64(bits) / 4))
	b := make([]byte, digits/2+1)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	w.Bulk(hex.EncodeToString(b)[:digits])
}

// Log is ACL LOG [count|RESET]: nothing is refused by rules, so it is empty.
func (a ACL) Log(w *reply.Writer, args [][]byte) {
	switch {
	case len(args) > 3:
		w.Fail(reply.Bad("acl", args[1]))
	case len(args) == 3 && strings.EqualFold(string(args[2]), "RESET"):
		w.OK()
	case len(args) == 3 && !isInt(args[2]):
		w.Fail(reply.ErrNotInt)
	default:
		w.Array(0)
	}
}

func isInt(b []byte) bool {
	_, err := strconv.ParseInt(string(b), 10, 64)
	return err == nil
}

// File is ACL LOAD and SAVE, Change is ACL SETUSER and DELUSER.
func (a ACL) File(w *reply.Writer) { w.Fail(noFile) }

// Change is described at File.
func (a ACL) Change(w *reply.Writer) { w.Fail(noUser) }

// Help is ACL HELP.
func (a ACL) Help(w *reply.Writer) {
	w.Help("ACL",
		"CAT [<category>]", "    List categories, or the commands of one.",
		"DRYRUN <username> <command> [<arg> ...]", "    Tell whether a user may run a command.",
		"GENPASS [<bits>]", "    Make a password.",
		"GETUSER <username>", "    Show a user.",
		"LIST", "    Show all users as rules.",
		"LOG [<count> | RESET]", "    Always empty.",
		"USERS", "    List the names of users.",
		"WHOAMI", "    Return the name of the caller's user.")
}

// refuse makes the error reply of a command that does not exist here.
func refuse(what, why string) string { return fmt.Sprintf("ERR %s is not supported: %s", what, why) }
