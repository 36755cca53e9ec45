package main

import (
	"io"
	"strings"

	"pingd/monitor/api"
)

// plain is a writer for people: names that others chose do not drive their terminal.
type plain struct{ io.Writer }

func (p plain) Write(b []byte) (int, error) {
	if _, err := io.WriteString(p.Writer, plainLines(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// plainLines keeps the ends of lines, and no other control character.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = api.Plain(lines[i])
	}
	return strings.Join(lines, "\n")
}
