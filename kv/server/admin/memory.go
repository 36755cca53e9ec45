package admin

import (
	"runtime"
	"runtime/debug"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/resp/reply"
)

// MemoryStats is MEMORY STATS, with those of Redis's figures that mean something
// here.
func MemoryStats(w *reply.Writer, data engine.Stats) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	keys := int64(0)
	for _, n := range data.Keys {
		keys += int64(n)
	}
	ints := []struct {
		name  string
		value int64
	}{
		{"peak.allocated", int64(m.HeapSys)},
		{"total.allocated", int64(m.HeapAlloc)},
		{"startup.allocated", 0},
		{"replication.backlog", 0},
		{"clients.slaves", 0},
		{"clients.normal", 0},
		{"overhead.total", max(0, int64(m.HeapAlloc)-data.Bytes)},
		{"keys.count", keys},
		{"keys.bytes-per-key", data.Bytes / max(keys, 1)},
		{"dataset.bytes", data.Bytes},
		{"allocator.allocated", int64(m.HeapAlloc)},
		{"allocator.active", int64(m.HeapInuse)},
		{"allocator.resident", int64(m.Sys - m.HeapReleased)},
	}
	w.Map(len(ints) + 1)
	for _, f := range ints {
		w.Bulk(f.name)
		w.Int(f.value)
	}
	w.Bulk("dataset.percentage")
	w.Out = resp.AppendDouble(w.Out, w.Proto, 100*float64(data.Bytes)/float64(max(m.HeapAlloc, 1)))
}

// MemoryDoctor is MEMORY DOCTOR.
func MemoryDoctor(w *reply.Writer) {
	w.Verbatim("The memory of this node is Go's to manage: INFO memory and MEMORY STATS have the figures.")
}

// MemoryPurge is MEMORY PURGE: memory that is not used goes back to the system.
func MemoryPurge(w *reply.Writer) {
	debug.FreeOSMemory()
	w.OK()
}

// MemoryMalloc is MEMORY MALLOC-STATS.
func MemoryMalloc(w *reply.Writer) {
	w.Bulk("Stats not supported for the current allocator")
}

// MemoryHelp is MEMORY HELP.
func MemoryHelp(w *reply.Writer) {
	w.Help("MEMORY",
		"DOCTOR", "    Return where to look.",
		"MALLOC-STATS", "    Not supported by Go's allocator.",
		"PURGE", "    Give unused memory back to the system.",
		"STATS", "    Return figures.",
		"USAGE <key> [SAMPLES <count>]", "    Return about how many bytes a key and its value take.")
}
