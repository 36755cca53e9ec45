package info

import "strings"

// infoSections are the sections of INFO in the order in which they are shown.
var infoSections = []struct {
	title string
	extra bool // only by name or with everything
	write func(f *Facts, b *strings.Builder)
}{
	{"Server", false, (*Facts).infoServer},
	{"Clients", false, (*Facts).infoClients},
	{"Memory", false, (*Facts).infoMemory},
	{"Persistence", false, (*Facts).infoPersistence},
	{"Stats", false, (*Facts).infoStats},
	{"Replication", false, (*Facts).infoReplication},
	{"CPU", false, (*Facts).infoCPU},
	{"Modules", false, func(*Facts, *strings.Builder) {}},
	{"Commandstats", true, (*Facts).infoCommands},
	{"Errorstats", false, (*Facts).infoErrors},
	{"Cluster", false, func(_ *Facts, b *strings.Builder) { line(b, "cluster_enabled", 0) }},
	{"Raft", false, (*Facts).infoRaft},
	{"Keyspace", false, (*Facts).infoKeyspace},
}

// Render writes the sections asked for (INFO [section ...]): none named or
// default, all, everything, or by their names.
func (f *Facts) Render(sections [][]byte) string {
	want := map[string]bool{}
	for _, a := range sections {
		want[strings.ToLower(string(a))] = true
	}
	def := len(sections) == 0 || want["default"]
	all := want["all"] || want["everything"]
	var b strings.Builder
	for _, s := range infoSections {
		if !want[strings.ToLower(s.title)] && !all && !(def && !s.extra) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("# " + s.title + "\r\n")
		s.write(f, &b)
	}
	return b.String()
}
