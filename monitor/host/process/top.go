package process

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"pingd/monitor/host/scan"
)

const maxCommand = 160

// Top returns copies of the n processes that use most CPU, the n with most memory,
// the n that move most bytes and every pingd, without repeats, busiest first, with
// their command lines.
func (t *Table) Top(n int) []Process {
	picked := make([]*row, 0, 3*n)
	pick := func(r *row) {
		if !slices.Contains(picked, r) {
			picked = append(picked, r)
		}
	}
	t.rank = slices.DeleteFunc(t.rank, func(r *row) bool { return t.all[r.PID] != r })
	for _, order := range [...]func(a, b *row) int{busiest, largest, movers} {
		slices.SortFunc(t.rank, order)
		for _, r := range t.rank[:min(n, len(t.rank))] {
			pick(r)
		}
	}
	for _, r := range t.rank {
		if r.Name == "pingd" {
			r.Own = true
			pick(r)
		}
	}
	slices.SortFunc(picked, busiest)
	out := make([]Process, len(picked))
	for i, r := range picked {
		if !r.asked {
			r.asked, r.command = true, t.commandOf(r)
		}
		out[i] = r.Process
		out[i].Name = strings.ToValidUTF8(out[i].Name, "\uFFFD")
		out[i].Command = r.command
	}
	return out
}

// commandOf reads the arguments a process was started with, which it may have
// changed since; nothing for the kernel's threads.
func (t *Table) commandOf(r *row) string {
	if r.Parent == kthreadd {
		return ""
	}
	f, err := scan.Open(t.path(r.PID, "cmdline"))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf, data, err := f.ReadAll(t.buf)
	if t.buf = buf; err != nil {
		return ""
	}
	return commandLine(data)
}

// commandLine writes the bytes of a cmdline file for people. Words that follow a
// flag for a password are not shown to everybody who sees the page.
func commandLine(data []byte) string {
	words := strings.Split(string(bytes.TrimRight(data, "\x00")), "\x00")
	hide := false
	for i, w := range words {
		name, _, inOne := strings.Cut(w, "=")
		switch {
		case hide:
			words[i], hide = "***", false
		case !secretFlag(name):
		case inOne:
			words[i] = name + "=***"
		default:
			hide = strings.HasPrefix(w, "-")
		}
	}
	s := strings.Join(words, " ")
	if len(s) > maxCommand {
		s = s[:maxCommand]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// secretFlag tells whether a flag or variable looks as if it held a password, or
// an address that is one.
func secretFlag(name string) bool {
	name = strings.ToLower(path.Base(name))
	if strings.HasSuffix(name, "file") {
		return false
	}
	for _, word := range [...]string{"password", "passwd", "secret", "token", "apikey", "api-key", "requirepass", "masterauth", "webhook", "slack"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
