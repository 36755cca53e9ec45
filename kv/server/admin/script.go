package admin

import (
	"strings"

	"pingd/kv/resp/reply"
)

const noScripts = "this server runs no scripts"

const notBusy = "NOTBUSY No scripts in execution right now."

// async reads the [ASYNC|SYNC] of a flush.
func async(w *reply.Writer, args [][]byte, problem string) {
	if len(args) > 3 || len(args) == 3 && !strings.EqualFold(string(args[2]), "ASYNC") && !strings.EqualFold(string(args[2]), "SYNC") {
		w.Fail(problem)
		return
	}
	w.OK()
}

// FunctionFlush is FUNCTION FLUSH [ASYNC|SYNC].
func FunctionFlush(w *reply.Writer, args [][]byte) {
	if len(args) > 3 {
		w.Fail(reply.Bad("function", args[1]))
		return
	}
	async(w, args, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
}

// FunctionList is FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]: there is none.
func FunctionList(w *reply.Writer, args [][]byte) {
	var withCode, named bool
	for i := 2; i < len(args); i++ {
		switch word := strings.ToUpper(string(args[i])); {
		case word == "WITHCODE" && !withCode:
			withCode = true
		case word == "LIBRARYNAME" && !named && i+1 < len(args):
			named = true
			i++
		case word == "LIBRARYNAME" && !named:
			w.Fail("ERR library name argument was not given")
			return
		default:
			w.Fail("ERR Unknown argument " + reply.Cut(args[i]))
			return
		}
	}
	w.Array(0)
}

// FunctionStats is FUNCTION STATS.
func FunctionStats(w *reply.Writer) {
	w.Map(2)
	w.Bulk("running_script")
	w.Null()
	w.Bulk("engines")
	w.Map(0)
}

// FunctionDelete is FUNCTION DELETE name.
func FunctionDelete(w *reply.Writer) { w.Fail("ERR Library not found") }

// FunctionRefuse is FUNCTION LOAD, DUMP and RESTORE.
func FunctionRefuse(w *reply.Writer, args [][]byte) {
	w.Fail(refuse("FUNCTION "+strings.ToUpper(reply.Cut(args[1])), noScripts))
}

// Kill is FUNCTION KILL and SCRIPT KILL.
func Kill(w *reply.Writer) { w.Fail(notBusy) }

// FunctionHelp is FUNCTION HELP.
func FunctionHelp(w *reply.Writer) {
	w.Help("FUNCTION",
		"FLUSH [ASYNC|SYNC]", "    Nothing to delete: always OK.",
		"LIST", "    Always empty.",
		"STATS", "    Nothing runs, and there is no engine.")
}

// ScriptFlush is SCRIPT FLUSH [ASYNC|SYNC].
func ScriptFlush(w *reply.Writer, args [][]byte) {
	async(w, args, "ERR SCRIPT FLUSH only support SYNC|ASYNC option")
}

// ScriptExists is SCRIPT EXISTS sha1 [sha1 ...]: no.
func ScriptExists(w *reply.Writer, args [][]byte) {
	w.Array(len(args) - 2)
	for range args[2:] {
		w.Int(0)
	}
}

// ScriptRefuse is SCRIPT LOAD and DEBUG.
func ScriptRefuse(w *reply.Writer, args [][]byte) {
	w.Fail(refuse("SCRIPT "+strings.ToUpper(reply.Cut(args[1])), noScripts))
}

// ScriptHelp is SCRIPT HELP.
func ScriptHelp(w *reply.Writer) {
	w.Help("SCRIPT",
		"EXISTS <sha1> [<sha1> ...]", "    Always 0.",
		"FLUSH [ASYNC|SYNC]", "    Nothing to forget: always OK.",
		"KILL", "    Nothing runs.")
}

// Debug refuses as a Redis whose enable-debug-command is off, but for what test
// harnesses send and what changes nothing here.
func Debug(w *reply.Writer, args [][]byte) {
	if strings.EqualFold(string(args[1]), "SET-ACTIVE-EXPIRE") && len(args) == 3 {
		w.OK()
		return
	}
	w.Fail("ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it " +
		"from a local connection, otherwise you need to set this option in the configuration file, and then restart " +
		"the server.")
}

// ModuleRefuse is MODULE LOAD, LOADEX and UNLOAD.
func ModuleRefuse(w *reply.Writer) { w.Fail(refuse("MODULE", "this server loads no modules")) }

// ModuleHelp is MODULE HELP.
func ModuleHelp(w *reply.Writer) { w.Help("MODULE", "LIST", "    Always empty.") }
