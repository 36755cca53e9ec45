package sentinel

// Status is the state of a Server as shown by /status.
type Status struct {
	MasterName string `json:"master_name"`
	Master     string `json:"master"` // address as told to clients, empty if none was ever known
	Down       bool   `json:"down"`   // no living leader at present
	Epoch      uint64 `json:"epoch"`  // Raft term
	Replicas   int    `json:"replicas"`
	Sentinels  int    `json:"sentinels"` // this one included
	Clients    int    `json:"clients"`
	Accepted   uint64 `json:"accepted"` // connections since start
	Refused    uint64 `json:"refused"`  // those beyond the limit
	Commands   uint64 `json:"commands"`
}

// Status returns a Status.
func (s *Server) Status() any {
	s.refresh() // as commands do: no answer is older than the question
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		MasterName: s.cfg.MasterName,
		Down:       !s.state.known || s.state.down,
		Epoch:      s.state.view.Term,
		Sentinels:  len(s.state.others()) + 1,
		Clients:    s.clients.Count(),
		Accepted:   s.accepted.Load(),
		Refused:    s.refused.Load(),
		Commands:   s.commands.Load(),
	}
	if s.state.known {
		st.Master, st.Replicas = s.state.master.addr(), len(s.state.replicas())
	}
	return st
}
