// Package pause holds back the commands of all clients for a while.
package pause
