// Package hashes holds the commands of Redis's hashes.
package hashes
