package top

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gdamore/tcell/v2"
)

const (
	every   = time.Second
	patient = 3 * time.Second // for one answer
)

// Once writes a snapshot as text, for those who are no terminal.
func Once(ctx context.Context, c *Client, w io.Writer) error {
	s, err := c.Ask(ctx)
	if err != nil {
		return err
	}
	for _, l := range Lines(s, 160, time.Now()) {
		if _, err := fmt.Fprintln(w, l); err != nil {
			return err
		}
	}
	return nil
}

// view is what is on the screen.
type view struct {
	screen tcell.Screen
	lines  func(width int) []Line
	err    error // why what is shown is old
	at     time.Time
	down   int // lines scrolled
}

// Follow shows what c tells each second until ctx ends or somebody leaves with q,
// Escape or Ctrl-C. It owns the screen, and gives the terminal back as it was. The
// first answer must come; later ones may fail, and what is shown says that it is old.
func Follow(ctx context.Context, c *Client, screen tcell.Screen) error {
	first, err := ask(ctx, c)
	if err != nil {
		return err
	}
	if err := screen.Init(); err != nil {
		return fmt.Errorf("take the terminal: %w\nhint: pingd top --once writes the same as text", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	told := make(chan answer)
	go poll(ctx, c, told)
	keys := make(chan tcell.Event)
	left := make(chan struct{})
	go screen.ChannelEvents(keys, left)
	defer func() {
		cancel()
		close(left)
		screen.Fini()
		for range keys { // until its goroutine has ended
		}
		for range told {
		}
	}()
	v := &view{screen: screen, at: time.Now()}
	v.show(first)
	for {
		v.draw()
		select {
		case a := <-told:
			if v.err = a.err; a.err == nil {
				v.show(a.snapshot)
			}
		case e, ok := <-keys:
			if !ok || v.handle(e) {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

type answer struct {
	snapshot *Snapshot
	err      error
}

func ask(ctx context.Context, c *Client) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	return c.Ask(ctx)
}

// poll asks each second until ctx ends, and then closes told.
func poll(ctx context.Context, c *Client, told chan<- answer) {
	defer close(told)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s, err := ask(ctx, c)
		select {
		case told <- answer{s, err}:
		case <-ctx.Done():
			return
		}
	}
}

func (v *view) show(s *Snapshot) {
	now := time.Now()
	v.at, v.lines = now, func(width int) []Line { return Lines(s, width, now) }
}

// handle does what a key asks for; it reports whether to leave.
func (v *view) handle(e tcell.Event) (leave bool) {
	_, height := v.screen.Size()
	switch e := e.(type) {
	case *tcell.EventResize:
		v.screen.Sync()
	case *tcell.EventKey:
		switch e.Key() {
		case tcell.KeyEscape, tcell.KeyCtrlC:
			return true
		case tcell.KeyDown:
			v.down++
		case tcell.KeyUp:
			v.down--
		case tcell.KeyPgDn:
			v.down += height - 3
		case tcell.KeyPgUp:
			v.down -= height - 3
		case tcell.KeyHome:
			v.down = 0
		case tcell.KeyRune:
			switch e.Rune() {
			case 'q':
				return true
			case 'j', ' ':
				v.down++
			case 'k':
				v.down--
			}
		}
	}
	return false
}

var styles = map[Style]tcell.Style{
	Normal: tcell.StyleDefault, Dim: tcell.StyleDefault.Dim(true), Bold: tcell.StyleDefault.Bold(true), Head: tcell.StyleDefault.Dim(true).Underline(true),
	Good: tcell.StyleDefault.Foreground(tcell.ColorGreen), Warn: tcell.StyleDefault.Foreground(tcell.ColorYellow).Bold(true),
	Bad: tcell.StyleDefault.Foreground(tcell.ColorRed).Bold(true), Info: tcell.StyleDefault.Foreground(tcell.ColorTeal),
}

// draw puts the verdict on the first line, where it stays, and below it what fits.
func (v *view) draw() {
	width, height := v.screen.Size()
	lines := v.lines(width)
	v.down = max(min(v.down, len(lines)-height+1), 0)
	v.screen.Clear()
	v.put(0, lines[0])
	for y := 1; y < height-1 && y+v.down < len(lines); y++ {
		v.put(y, lines[y+v.down])
	}
	foot := Line{{v.at.Format(time.TimeOnly) + "  q leave  ↑↓ scroll", Dim}}
	if v.err != nil {
		foot = Line{{"this is old: " + v.err.Error(), Warn}}
	}
	v.put(height-1, foot)
	v.screen.Show()
}

func (v *view) put(y int, l Line) {
	x := 0
	limit, _ := v.screen.Size()
	for _, s := range l {
		for _, r := range s.Text {
			if r == '\n' || x >= limit {
				break
			}
			v.screen.SetContent(x, y, r, nil, styles[s.Style])
			x += max(width(string(r)), 1)
		}
	}
}
