// Package session is what one connection has agreed on with the server: protocol,
// user, database, name. It serves the commands that are about nothing else: AUTH,
// HELLO, SELECT, READONLY and several subcommands of CLIENT.
package session
