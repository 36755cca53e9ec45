// Package admin answers commands of Redis that are about a server: ACL, FUNCTION,
// SCRIPT, MODULE, DEBUG, MEMORY. There is one user, nothing runs scripts and
// nothing is loaded; what holds nevertheless is answered as Redis would, the rest
// says why not.
package admin
