package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version may be set by the linker: -ldflags "-X main.version=1.2.3".
var version string

// build says what this binary was made of.
type build struct {
	Version string // of the release, or "devel"
	Commit  string // abbreviated, with "+changes" when the tree had any; may be empty
	Go      string // of the compiler
}

// thisBuild reads what the linker and the go command wrote into the binary.
func thisBuild() build {
	b := build{Version: version, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		b.Commit = commit[:min(12, len(commit))]
		if settings["vcs.modified"] == "true" {
			b.Commit += "+changes"
		}
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}

// String is the line that "pingd version" prints.
func (b build) String() string {
	s := "pingd " + b.Version
	if b.Commit != "" {
		s += " (commit " + b.Commit + ")"
	}
	return fmt.Sprintf("%s %s %s/%s", s, b.Go, runtime.GOOS, runtime.GOARCH)
}

// short is the version with the commit, for the status and the metrics.
func (b build) short() string {
	if b.Commit == "" {
		return b.Version
	}
	return b.Version + "-" + b.Commit
}
