package flow

// outcomes is what TestInterruptions sees.
const outcomes = `
reading                          client ends               -    closed   -
reading                          client gone               -    closed   -
reading                          server ends               -    goes on  -
reading                          server gone               -    goes on  -
reading                          server gone, then client  -    closed   -
reading                          client gone, then server  -    closed   -
reading                          time is over              408  lingers  408 request refused: the request did not arrive in time
reading                          cut                       -    reset    -
queued                           client ends               -    goes on  -
queued                           client gone               -    closed   0 the client went away
queued                           server ends               -    goes on  -
queued                           server gone               -    goes on  -
queued                           server gone, then client  -    closed   0 the client went away
queued                           client gone, then server  -    closed   0 the client went away
queued                           time is over              503  kept     503 no backend had a free slot in time
queued                           cut                       -    reset    0 the proxy stopped
connecting                       client ends               -    goes on  -
connecting                       client gone               -    closed   0 the client went away
connecting                       server ends               -    goes on  -
connecting                       server gone               -    goes on  -
connecting                       server gone, then client  -    closed   0 the client went away
connecting                       client gone, then server  -    closed   0 the client went away
connecting                       time is over              -    goes on  -
connecting                       cut                       -    reset    0 the proxy stopped
pausing                          client ends               -    goes on  -
pausing                          client gone               -    closed   0 the client went away
pausing                          server ends               -    goes on  -
pausing                          server gone               -    goes on  -
pausing                          server gone, then client  -    closed   0 the client went away
pausing                          client gone, then server  -    closed   0 the client went away
pausing                          time is over              -    goes on  -
pausing                          cut                       -    reset    0 the proxy stopped
uploading                        client ends               -    closed   0 the client went away
uploading                        client gone               -    closed   0 the client went away
uploading                        server ends               502  lingers  502 the backend closed the connection without an answer
uploading                        server gone               502  lingers  502 the backend closed the connection without an answer
uploading                        server gone, then client  502  closed   502 the backend closed the connection without an answer
uploading                        client gone, then server  -    closed   0 the client went away
uploading                        time is over              408  lingers  408 request refused: the request body did not arrive in time
uploading                        cut                       -    reset    0 the proxy stopped
uploading to a slow server       client ends               -    closed   0 the client went away
uploading to a slow server       client gone               -    closed   0 the client went away
uploading to a slow server       server ends               502  lingers  502 the backend closed the connection without an answer
uploading to a slow server       server gone               502  lingers  502 the backend closed the connection without an answer
uploading to a slow server       server gone, then client  502  closed   502 the backend closed the connection without an answer
uploading to a slow server       client gone, then server  -    closed   0 the client went away
uploading to a slow server       time is over              504  lingers  504 the backend did not answer in time
uploading to a slow server       cut                       -    reset    0 the proxy stopped
waiting                          client ends               -    goes on  -
waiting                          client gone               -    closed   0 the client went away
waiting                          server ends               -    goes on  -
waiting                          server gone               -    goes on  -
waiting                          server gone, then client  -    closed   0 the client went away
waiting                          client gone, then server  -    closed   0 the client went away
waiting                          time is over              504  kept     504 the backend did not answer in time
waiting                          cut                       -    reset    0 the proxy stopped
waiting with a POST              client ends               -    goes on  -
waiting with a POST              client gone               -    closed   0 the client went away
waiting with a POST              server ends               502  kept     502 the backend closed the connection without an answer
waiting with a POST              server gone               502  kept     502 the backend closed the connection without an answer
waiting with a POST              server gone, then client  502  closed   502 the backend closed the connection without an answer
waiting with a POST              client gone, then server  -    closed   0 the client went away
waiting with a POST              time is over              504  kept     504 the backend did not answer in time
waiting with a POST              cut                       -    reset    0 the proxy stopped
half a response head             client ends               -    goes on  -
half a response head             client gone               -    closed   0 the client went away
half a response head             server ends               502  kept     502 the backend's answer was not a valid response
half a response head             server gone               502  kept     502 the backend's answer was not a valid response
half a response head             server gone, then client  502  closed   502 the backend's answer was not a valid response
half a response head             client gone, then server  -    closed   0 the client went away
half a response head             time is over              504  kept     504 the backend did not answer in time
half a response head             cut                       -    reset    0 the proxy stopped
after a 103                      client ends               103  goes on  -
after a 103                      client gone               103  closed   0 the client went away
after a 103                      server ends               502  kept     502 the backend's answer was not a valid response
after a 103                      server gone               502  kept     502 the backend's answer was not a valid response
after a 103                      server gone, then client  502  closed   502 the backend's answer was not a valid response
after a 103                      client gone, then server  103  closed   0 the client went away
after a 103                      time is over              504  kept     504 the backend did not answer in time
after a 103                      cut                       103  reset    0 the proxy stopped
response body                    client ends               200  goes on  -
response body                    client gone               200  closed   200 the client went away
response body                    server ends               200  closed   200 the backend's response ended early
response body                    server gone               200  closed   200 the backend's response ended early
response body                    server gone, then client  200  closed   200 the backend's response ended early
response body                    client gone, then server  200  closed   200 the client went away
response body                    time is over              200  closed   200 the backend stalled in its response
response body                    cut                       200  reset    200 the proxy stopped
chunked response                 client ends               200  goes on  -
chunked response                 client gone               200  closed   200 the client went away
chunked response                 server ends               200  closed   200 the backend's response ended early
chunked response                 server gone               200  closed   200 the backend's response ended early
chunked response                 server gone, then client  200  closed   200 the backend's response ended early
chunked response                 client gone, then server  200  closed   200 the client went away
chunked response                 time is over              200  closed   200 the backend stalled in its response
chunked response                 cut                       200  reset    200 the proxy stopped
response until close             client ends               200  goes on  -
response until close             client gone               200  closed   200 the client went away
response until close             server ends               200  kept     200 ok
response until close             server gone               200  closed   200 the backend's response ended early
response until close             server gone, then client  200  closed   200 the backend's response ended early
response until close             client gone, then server  200  closed   200 the client went away
response until close             time is over              200  closed   200 the backend stalled in its response
response until close             cut                       200  reset    200 the proxy stopped
response until close to 1.0      client ends               200  goes on  -
response until close to 1.0      client gone               200  closed   200 the client went away
response until close to 1.0      server ends               200  closed   200 ok
response until close to 1.0      server gone               200  reset    200 the backend's response ended early
response until close to 1.0      server gone, then client  200  reset    200 the backend's response ended early
response until close to 1.0      client gone, then server  200  closed   200 the client went away
response until close to 1.0      time is over              200  reset    200 the backend stalled in its response
response until close to 1.0      cut                       200  reset    200 the proxy stopped
early response body              client ends               200  goes on  -
early response body              client gone               200  closed   200 the client went away
early response body              server ends               200  closed   200 the backend's response ended early
early response body              server gone               200  closed   200 the backend's response ended early
early response body              server gone, then client  200  closed   200 the backend's response ended early
early response body              client gone, then server  200  closed   200 the client went away
early response body              time is over              200  closed   200 the backend stalled in its response
early response body              cut                       200  reset    200 the proxy stopped
response body to a slow client   client ends               200  goes on  -
response body to a slow client   client gone               200  closed   200 the client went away
response body to a slow client   server ends               200  goes on  -
response body to a slow client   server gone               200  goes on  -
response body to a slow client   server gone, then client  200  closed   200 the client went away
response body to a slow client   client gone, then server  200  closed   200 the client went away
response body to a slow client   time is over              200  reset    200 the client stalled
response body to a slow client   cut                       200  reset    200 the proxy stopped
whole response to a slow client  client ends               200  goes on  -
whole response to a slow client  client gone               200  closed   200 the client went away
whole response to a slow client  server ends               200  goes on  -
whole response to a slow client  server gone               200  goes on  -
whole response to a slow client  server gone, then client  200  closed   200 the client went away
whole response to a slow client  client gone, then server  200  closed   200 the client went away
whole response to a slow client  time is over              200  reset    200 the client stalled
whole response to a slow client  cut                       200  reset    200 the proxy stopped
lingering                        client ends               400  closed   400 request refused: malformed request line
lingering                        client gone               400  closed   400 request refused: malformed request line
lingering                        server ends               400  lingers  400 request refused: malformed request line
lingering                        server gone               400  lingers  400 request refused: malformed request line
lingering                        server gone, then client  400  closed   400 request refused: malformed request line
lingering                        client gone, then server  400  closed   400 request refused: malformed request line
lingering                        time is over              400  closed   400 request refused: malformed request line
lingering                        cut                       400  reset    400 request refused: malformed request line
`
