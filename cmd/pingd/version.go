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
	Version string `json:"version"`          // of the release, or "devel"
	Commit  string `json:"commit,omitempty"` // abbreviated, with "+changes" when the tree had any; may be empty
	Go      string `json:"go"`               // of the compiler
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// thisBuild reads what the linker and the go command wrote into the binary.
func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
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
	return fmt.Sprintf("%s %s %s/%s", s, b.Go, b.OS, b.Arch)
}

// short is the version with the commit, for the status and the metrics.
func (b build) short() string {
	if b.Commit == "" {
		return b.Version
	}
	return b.Version + "-" + b.Commit
}
