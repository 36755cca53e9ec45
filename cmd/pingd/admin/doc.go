// Package admin is the HTTP listener that every process has for those who run it:
//
//	/healthz   200 while the process lives                       for anybody
//	/readyz    200 while every role is ready, 503 with reasons   for anybody
//	/metrics   Prometheus                                        with the secret
//	/status    JSON: every role's own account                    with the secret
//	/          the monitor's page, or a list of the above        with the secret
//
// It changes nothing: all but the login are GET and HEAD. Requests must name this
// machine in their Host field, so that a page in somebody's browser cannot reach it
// through a name of its own (DNS rebinding).
package admin
