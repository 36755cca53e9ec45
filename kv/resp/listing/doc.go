// Package listing shows connections to people and picks them: the Redis commands
// CLIENT LIST, CLIENT INFO and CLIENT KILL.
package listing
