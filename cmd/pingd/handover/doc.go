// Package handover lets a new process take over the listeners of the one that runs,
// so that a restart loses no connection:
//
//	new process                      Unix socket                 old process
//	Take ───────────── connects ────────────────────────────────▶ Offer.Run
//	     ◀──────────── names and descriptors (SCM_RIGHTS) ──────
//	serves on the same sockets, beside the old one
//	Inheritance.Done ─ "go" ────────────────────────────────────▶ Run returns: it stops
//
// The sockets never close, so that clients which the kernel has accepted already are
// served by whichever process takes them. If the new process fails before Done, the
// old one goes on as if nothing had been.
package handover
