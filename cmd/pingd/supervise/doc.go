// Package supervise tells a service manager how the process is: sd_notify(3) of
// systemd, and everybody else who sets NOTIFY_SOCKET.
//
//	READY=1       once everything can serve, or at the latest after ReadyWait:
//	              the first of three stores cannot before a second one runs
//	STATUS=...    in words, whenever it changes; "systemctl status" shows it
//	WATCHDOG=1    as long as every part answers for itself, at half of
//	              WATCHDOG_USEC
//	STOPPING=1    when the stop begins
//
// Without these variables it does nothing.
package supervise
