package outbox

import (
	"errors"
	"testing"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

func reads(keys ...string) *proposal {
	var cmds []engine.Command
	for _, k := range keys {
		cmds = append(cmds, engine.Command{Proto: 2, Args: [][]byte{[]byte("GET"), []byte(k)}})
	}
	return newProposal(cmds, 1)
}

func TestAFrameOfReadsWhoseRepliesAreTooLargeIsHalvedUntilOneIsLeft(t *testing.T) {
	f := &frame{read: true}
	f.fill(nil, []*proposal{reads("a"), reads("bb", "c"), reads("d")}, entry.Origin{})
	var got [][]string
	for todo := []*frame{f}; len(todo) > 0; todo = todo[1:] {
		var d entry.Decoder
		cmds, err := d.Commands(todo[0].body)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, c := range cmds {
			keys = append(keys, string(c.Args[1]))
		}
		got = append(got, keys)
		props := todo[0].props
		todo = append(todo, todo[0].halve()...)
		if len(props) > 1 {
			continue
		}
		select {
		case o := <-props[0].done:
			if !errors.Is(o.err, ErrTooMuch) {
				t.Errorf("%v: %v", keys, o.err)
			}
		default:
			t.Errorf("%v: nobody was told", keys)
		}
	}
	want := [][]string{{"a", "bb", "c", "d"}, {"a"}, {"bb", "c", "d"}, {"bb", "c"}, {"d"}}
	if len(got) != len(want) {
		t.Fatalf("frames %v, want %v", got, want)
	}
	for i := range want {
		if len(got[i]) != len(want[i]) || got[i][0] != want[i][0] {
			t.Errorf("frames %v, want %v", got, want)
		}
	}
}
