package api

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// tunnel answers a request with ?node=NAME through the monitor of that node, so that
// whoever can reach one monitor can look at every host. Only nodes of the cluster
// can be named, and only what they answer to reading is passed on.
func (s *Server) tunnel(own http.Handler) http.Handler {
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // streams
		Transport:     s.transport,
		Rewrite:       s.rewrite,
		ModifyResponse: func(resp *http.Response) error {
			for name := range resp.Header {
				switch name {
				case "Content-Type", "Content-Encoding", "Content-Length", "Content-Disposition", "Cache-Control", "X-Accel-Buffering", "Retry-After":
				default:
					resp.Header.Del(name) // our own headers hold
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			refuse(w, http.StatusBadGateway, "the monitor of that node does not answer: "+err.Error(), "leave node= out to see this one's")
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		node := r.URL.Query().Get("node")
		if node == "" || node == s.board.Name {
			own.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuse(w, http.StatusMethodNotAllowed, "another node's monitor is only read through this one", "")
			return
		}
		if s.cfg.Peer == nil {
			refuse(w, http.StatusNotFound, "no cluster is watched here", "")
			return
		}
		if _, ok := s.cfg.Peer(node); !ok {
			refuse(w, http.StatusNotFound, "there is no monitor on a node of that name", "GET /api/v1/cluster lists the nodes and their roles")
			return
		}
		rc := http.NewResponseController(w)
		_ = rc.SetReadDeadline(time.Time{}) // a stream may last; not supported by test recorders: harmless
		proxy.ServeHTTP(patient{w, rc}, r)
	})
}

// rewrite makes the request to the other monitor: without the viewer's own password
// and cookies, with ours.
func (s *Server) rewrite(p *httputil.ProxyRequest) {
	q := p.In.URL.Query()
	peer, _ := s.cfg.Peer(q.Get("node")) // it was there a moment ago; else the dial fails
	q.Del("node")
	base, err := url.Parse(peer.Base)
	if err != nil {
		base = &url.URL{Scheme: "http"}
	}
	p.Out.URL.Scheme, p.Out.URL.Host, p.Out.URL.RawQuery = base.Scheme, base.Host, q.Encode()
	p.Out.Host = ""
	accept := p.Out.Header.Get("Accept")
	p.Out.Header = http.Header{"Accept": {accept}}
	for name, v := range peer.Header {
		p.Out.Header[name] = v
	}
}

// patient bounds each write to a client, not all of them together.
type patient struct {
	http.ResponseWriter
	rc *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // not supported by test recorders: harmless
	return p.ResponseWriter.Write(b)
}

// Unwrap lets a http.ResponseController find the writer below.
func (p patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
