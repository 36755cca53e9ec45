package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"pingd/monitor/alert"
)

const maxAction = 4 << 10

// actions mounts what changes something; guard has let it through.
func (s *Server) actions(mux *http.ServeMux) {
	op, may := s.cfg.Operator, s.board.Actions
	if op == nil {
		return
	}
	if may.Silence {
		mux.HandleFunc("POST /api/v1/silences", func(w http.ResponseWriter, r *http.Request) {
			var silence alert.Silence
			if !decode(w, r, &silence) {
				return
			}
			if err := silence.Check(time.Now()); err != nil {
				refuse(w, http.StatusBadRequest, err.Error(), `{"rule": "disk_space_usage", "until": "2030-01-01T00:00:00Z"}`)
				return
			}
			s.done(w, r, "alert silenced", silence.ID(), op.Silence(r.Context(), silence))
		})
		mux.HandleFunc("DELETE /api/v1/silences", func(w http.ResponseWriter, r *http.Request) {
			id := r.URL.Query().Get("id")
			s.done(w, r, "silence ended", id, op.Unsilence(r.Context(), id))
		})
	}
	if may.Drain {
		mux.HandleFunc("POST /api/v1/backends/drain", func(w http.ResponseWriter, r *http.Request) {
			var a struct {
				Backend string
				Drain   bool
			}
			if decode(w, r, &a) {
				s.done(w, r, "backend drained", a.Backend, op.Drain(r.Context(), a.Backend, a.Drain))
			}
		})
	}
	if may.Weight {
		mux.HandleFunc("POST /api/v1/backends/weight", func(w http.ResponseWriter, r *http.Request) {
			var a struct {
				Backend string
				Weight  int
			}
			if decode(w, r, &a) {
				s.done(w, r, "weight changed", a.Backend, op.SetWeight(r.Context(), a.Backend, a.Weight))
			}
		})
	}
}

func decode(w http.ResponseWriter, r *http.Request, to any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAction))
	d.DisallowUnknownFields()
	err := d.Decode(to)
	if err == nil && d.Decode(&struct{}{}) != io.EOF {
		err = errors.New("more than one value")
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "body: "+err.Error(), "")
	}
	return err == nil
}

// done answers an action and writes it down: who changes something leaves a trace.
func (s *Server) done(w http.ResponseWriter, r *http.Request, what, of string, err error) {
	if err != nil {
		refuse(w, http.StatusConflict, err.Error(), "")
		return
	}
	s.cfg.Logger.Info(what, "component", "monitor", "subject", of, "from", r.RemoteAddr)
	w.WriteHeader(http.StatusNoContent)
}
