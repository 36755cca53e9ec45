// Package accesslog writes a line per request without slowing requests down:
// lines gather in memory and one goroutine writes them in batches. When the
// writer cannot keep up, lines are dropped and counted, never waited for.
//
// A line, in the order of HAProxy's httplog:
//
//	127.0.0.1 [2026-11-24T00:15:54.123Z] app1 0.000/0.214/1.730/2.011 200 512 0/0 "ok" "GET example.com /path" 5e41ab087439611e shop
//	client    start                      backend                      status bytes          end  request                 id               service
//	                                     queue/connect/response/total in ms        retries/redispatches
//
// A step that was not reached is "-".
package accesslog
