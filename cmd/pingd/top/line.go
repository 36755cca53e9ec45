package top

import (
	"strings"

	"github.com/rivo/uniseg"

	"pingd/monitor/api"
)

// Style is what a piece of text means; colour is never all that tells.
type Style int

// The styles.
const (
	Normal Style = iota
	Dim
	Bold
	Head // of a table
	Good
	Warn
	Bad
	Info
)

// Span is a piece of a line.
type Span struct {
	Text  string
	Style Style
}

// Line is a line of text.
type Line []Span

// String is the line without styles.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return strings.TrimRight(b.String(), " ")
}

// width is how many cells a text takes. Names in it have been through api.Plain.
func width(s string) int { return uniseg.StringWidth(s) }

// cut shortens a text to n cells; … tells that it did.
func cut(s string, n int) string {
	if width(s) <= n {
		return s
	}
	used := 0
	for at, r := range s {
		if used += width(string(r)); used > n-1 {
			return s[:at] + "…"
		}
	}
	return s
}

// name is a text from outside, kept from driving the terminal.
func name(s string) Span { return Span{api.Plain(s), Normal} }

// table is rows of cells under a head. Columns whose head ends in a blank are on the
// left, all others on the right.
type table struct {
	head []string
	rows [][]Span
}

func (t *table) add(cells ...Span) { t.rows = append(t.rows, cells) }

// lines writes the table; the last column is cut at the width of the screen.
func (t *table) lines(screen int) []Line {
	if len(t.rows) == 0 {
		return nil
	}
	wide := make([]int, len(t.head))
	for i, h := range t.head {
		wide[i] = width(strings.TrimSpace(h))
	}
	for _, row := range t.rows {
		for i, c := range row {
			wide[i] = min(max(wide[i], width(c.Text)), max(screen/2, 8))
		}
	}
	head := make([]Span, len(t.head))
	for i, h := range t.head {
		head[i] = Span{strings.TrimSpace(h), Head}
	}
	out := make([]Line, 0, len(t.rows)+1)
	for _, row := range append([][]Span{head}, t.rows...) {
		line, used := Line{}, 0
		for i, c := range row {
			text := cut(c.Text, wide[i])
			gap := strings.Repeat(" ", wide[i]-width(text))
			if !strings.HasSuffix(t.head[i], " ") {
				text, gap = gap+text, ""
			}
			if used+wide[i] > screen && i > 0 {
				break
			}
			line = append(line, Span{text + gap, c.Style}, Span{"  ", Normal})
			used += wide[i] + 2
		}
		out = append(out, line)
	}
	return out
}

// bars are the heights of a small chart.
var bars = []rune("▁▂▃▄▅▆▇█")

// chart draws values, the newest on the right, as n cells from zero to top; zero top
// is the greatest of them. A gap is blank.
func chart(values []float64, n int, top float64) string {
	n = max(n, 0) // next to a number that takes all the room
	if len(values) > n {
		values = values[len(values)-n:]
	}
	if top == 0 {
		for _, v := range values {
			top = max(top, v)
		}
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", n-len(values)))
	for _, v := range values {
		switch {
		case v != v:
			b.WriteByte(' ')
		case top <= 0:
			b.WriteRune(bars[0])
		default:
			b.WriteRune(bars[min(max(int(v/top*float64(len(bars))), 0), len(bars)-1)])
		}
	}
	return b.String()
}
