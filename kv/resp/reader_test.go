package resp

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll reads commands until an error, releasing after each.
func readAll(r *Reader) (cmds [][]string, err error) {
	for {
		args, err := r.ReadCommand()
		if err != nil {
			return cmds, err
		}
		cmds = append(cmds, toStrings(args))
		r.Release()
	}
}

func toStrings(args [][]byte) []string {
	s := make([]string, len(args))
	for i, a := range args {
		s[i] = string(a)
	}
	return s
}

func format(cmds [][]string) string {
	var b strings.Builder
	for _, c := range cmds {
		for i, a := range c {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(strconv.Quote(a))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var commandCases = []struct {
	name, in string
	want     [][]string
}{
	{"array", "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n", [][]string{{"ECHO", "hi"}}},
	{"empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", [][]string{{"ECHO", ""}}},
	{"binary", "*1\r\n$4\r\n\r\n\x00*\r\n", [][]string{{"\r\n\x00*"}}},
	{"pipeline", "*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\nPING\r\n", [][]string{{"a"}, {"b"}, {"PING"}}},
	{"empty arrays are skipped", "*0\r\n*-1\r\n*-5\r\n*1\r\n$1\r\na\r\n", [][]string{{"a"}}},
	{"blank lines are skipped", "\r\n\n  \r\nPING\n", [][]string{{"PING"}}},
	{"inline", "SET  key\tvalue\r\n", [][]string{{"SET", "key", "value"}}},
	{"inline double quotes", `SET k "a b\n\r\t\b\a\x41\"\\\q"` + "\r\n", [][]string{{"SET", "k", "a b\n\r\t\b\aA\"\\q"}}},
	{"inline single quotes", `SET k 'a "b" \'c\' \n'` + "\r\n", [][]string{{"SET", "k", `a "b" 'c' \n`}}},
	{"inline empty quotes", `SET "" ''` + "\r\n", [][]string{{"SET", "", ""}}},
	{"inline quote within word", `a"b c"` + "\n", [][]string{{"ab c"}}},
	{"inline half hex", `"\x4" "\xzz"` + "\n", [][]string{{"x4", "xzz"}}},
	{"inline ends at NUL", "PING\x00rest\n", [][]string{{"PING"}}},
	{"terminator of a bulk is not looked at", "*1\r\n$1\r\naXX", [][]string{{"a"}}},
}

func TestReadCommand(t *testing.T) {
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r },
		"bytes": iotest.OneByteReader,
		"data with error": func(r io.Reader) io.Reader {
			return iotest.DataErrReader(r)
		},
	}
	for _, c := range commandCases {
		for kind, wrap := range readers {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				got, err := readAll(NewReader(wrap(strings.NewReader(c.in)), Limits{}))
				if err != io.EOF || format(got) != format(c.want) {
					t.Errorf("got\n%s%v, want\n%s", format(got), err, format(c.want))
				}
			})
		}
	}
}

func TestProtocolErrors(t *testing.T) {
	long := strings.Repeat("1", 70_000)
	cases := []struct {
		name, in string
		lim      Limits
		want     string
	}{
		{"crash packet 1", "*1\r\n$9223372036854775807\r\n", Limits{}, "Protocol error: invalid bulk length"},
		{"crash packet 2", "*9223372036854775807\r\n", Limits{}, "Protocol error: invalid multibulk length"},
		{"too many arguments", "*1048577\r\n", Limits{}, "Protocol error: invalid multibulk length"},
		{"no count", "*\r\n", Limits{}, "Protocol error: invalid multibulk length"},
		{"count with plus", "*+1\r\n", Limits{}, "Protocol error: invalid multibulk length"},
		{"count with zero", "*01\r\n", Limits{}, "Protocol error: invalid multibulk length"},
		{"count not a number", "*a\r\n", Limits{}, "Protocol error: invalid multibulk length"},
		{"count overflows", "*92233720368547758070\r\n", Limits{}, "Protocol error: invalid multibulk length"},
		{"negative bulk", "*1\r\n$-1\r\n", Limits{}, "Protocol error: invalid bulk length"},
		{"bulk too large", "*1\r\n$3000000000\r\n", Limits{}, "Protocol error: invalid bulk length"},
		{"bulk above setting", "*1\r\n$11\r\n", Limits{MaxBulk: 10}, "Protocol error: invalid bulk length"},
		{"not a bulk", "*1\r\n:1\r\n", Limits{}, "Protocol error: expected '$', got ':'"},
		{"empty bulk head", "*1\r\n\r\n", Limits{}, "Protocol error: expected '$', got '\r'"},
		{"endless count", "*" + long, Limits{}, "Protocol error: too big mbulk count string"},
		{"endless bulk head", "*1\r\n$" + long, Limits{}, "Protocol error: too big bulk count string"},
		{"endless inline", long, Limits{}, "Protocol error: too big inline request"},
		{"beginning of TLS", "\x16\x03\x01\x02\x00\x01", Limits{}, "Protocol error: this port does not speak TLS"},
		{"beginning of TLS before AUTH", "\x16\x03\x03", BeforeAuth(), "Protocol error: this port does not speak TLS"},
		{"open quote", "SET \"a\r\n", Limits{}, "Protocol error: unbalanced quotes in request"},
		{"open single quote", "SET 'a\r\n", Limits{}, "Protocol error: unbalanced quotes in request"},
		{"text after quote", "SET \"a\"b\r\n", Limits{}, "Protocol error: unbalanced quotes in request"},
		{"many before AUTH", "*11\r\n", BeforeAuth(), "Protocol error: unauthenticated multibulk length"},
		{"large before AUTH", "*1\r\n$16385\r\n", BeforeAuth(), "Protocol error: unauthenticated bulk length"},
		{"absurd before AUTH", "*9223372036854775807\r\n", BeforeAuth(), "Protocol error: invalid multibulk length"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(strings.NewReader(c.in), c.lim)
			for range 2 { // final: the second call says the same
				_, err := r.ReadCommand()
				var pe *ProtocolError
				if !errors.As(err, &pe) || pe.Error() != c.want {
					t.Fatalf("got %v, want %s", err, c.want)
				}
			}
		})
	}
}

func TestEndOfStream(t *testing.T) {
	for in, want := range map[string]error{
		"":                     io.EOF,
		"PING\r\n":             io.EOF,
		"PIN":                  io.ErrUnexpectedEOF,
		"*1\r\n":               io.ErrUnexpectedEOF,
		"*1\r\n$4\r\nPI":       io.ErrUnexpectedEOF,
		"*2\r\n$4\r\nPING\r\n": io.ErrUnexpectedEOF,
	} {
		if _, err := readAll(NewReader(strings.NewReader(in), Limits{})); err != want {
			t.Errorf("%q: got %v, want %v", in, err, want)
		}
	}
}

func TestErrorAfterGoodCommand(t *testing.T) {
	r := NewReader(strings.NewReader("PING\r\n*x\r\n"), Limits{})
	if args, err := r.ReadCommand(); err != nil || string(args[0]) != "PING" {
		t.Fatalf("first command: %q, %v", args, err)
	}
	if !r.Buffered() {
		t.Error("a waiting protocol error must count as buffered")
	}
	if _, err := r.ReadCommand(); err == nil {
		t.Error("no error")
	}
}

func TestTotalLimit(t *testing.T) {
	in := "*2\r\n$900\r\n" + strings.Repeat("a", 900) + "\r\n$900\r\n" + strings.Repeat("b", 900)
	_, err := NewReader(iotest.OneByteReader(strings.NewReader(in)), Limits{MaxTotal: 1000}).ReadCommand()
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// Arguments of a whole pass stay intact while later commands arrive.
func TestArgumentsUntilRelease(t *testing.T) {
	var in bytes.Buffer
	const n = 3000
	for i := range n {
		in.WriteString("*2\r\n$3\r\nGET\r\n$8\r\n" + key(i) + "\r\n")
	}
	r := NewReader(iotest.HalfReader(&in), Limits{})
	var held [][][]byte
	for i := range n {
		args, err := r.ReadCommand()
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, args)
		if i%1000 != 999 {
			continue
		}
		for j, args := range held {
			if want := key(i - 999 + j); string(args[1]) != want {
				t.Fatalf("command %d of pass: %q, want %q", j, args[1], want)
			}
		}
		held = held[:0]
		r.Release()
	}
}

// A command that Buffered has found survives Release.
func TestReleaseAfterBuffered(t *testing.T) {
	r := NewReader(strings.NewReader("GET a\nGET b\n"), Limits{})
	if _, err := r.ReadCommand(); err != nil || !r.Buffered() {
		t.Fatal("second command not buffered", err)
	}
	r.Release()
	if args, err := r.ReadCommand(); err != nil || string(args[1]) != "b" {
		t.Fatalf("%q, %v", args, err)
	}
	if r.Buffered() {
		t.Error("nothing is left, yet buffered")
	}
}

func key(i int) string {
	s := "0000000" + strconv.Itoa(i)
	return s[len(s)-8:]
}

// A length alone must not make the server allocate.
func TestAnnouncedLengthCostsNothing(t *testing.T) {
	for _, in := range []string{"*1\r\n$512000000\r\nabc", "*1048576\r\n$1\r\na\r\n"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := NewReader(strings.NewReader(in), Limits{})
		if _, err := r.ReadCommand(); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%q allocated %d bytes", in, got)
		}
	}
}

// 200,000 one-byte reads of an incomplete command: redcon recursed per read
// (256 MiB of stack) and searched everything again.
func TestManyTinyReads(t *testing.T) {
	const n = 200_000
	in := "*1\r\n$400000\r\n" + strings.Repeat("x", n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReader(iotest.OneByteReader(strings.NewReader(in)), Limits{})
	if _, err := r.ReadCommand(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4*n {
		t.Errorf("allocated %d bytes for %d received", got, n)
	}
	if after.StackInuse > before.StackInuse+1<<20 {
		t.Errorf("stack grew from %d to %d", before.StackInuse, after.StackInuse)
	}
}

// The buffer of a large command is given back.
func TestBufferShrinks(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	r := NewReader(strings.NewReader("*1\r\n$1048576\r\n"+big+"\r\nPING\r\n"), Limits{})
	for range 2 {
		if _, err := r.ReadCommand(); err != nil {
			t.Fatal(err)
		}
		r.Release()
	}
	if len(r.buf) > largeBuffer {
		t.Errorf("still holds %d bytes", len(r.buf))
	}
}

type endless struct {
	data []byte
	off  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.off:])
	e.off = (e.off + n) % len(e.data)
	return n, nil
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	src := &endless{data: []byte(strings.Repeat("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\nGET key\r\n", 50))}
	r := NewReader(src, Limits{})
	pass := func() {
		for {
			if _, err := r.ReadCommand(); err != nil {
				t.Fatal(err)
			}
			if !r.Buffered() {
				break
			}
		}
		r.Release()
	}
	for range 100 {
		pass()
	}
	if n := testing.AllocsPerRun(200, pass); n != 0 {
		t.Errorf("%v allocations per pass", n)
	}
}

func BenchmarkReadCommand(b *testing.B) {
	src := &endless{data: []byte(strings.Repeat("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n", 100))}
	r := NewReader(src, Limits{})
	b.ReportAllocs()
	b.SetBytes(34)
	for b.Loop() {
		if _, err := r.ReadCommand(); err != nil {
			b.Fatal(err)
		}
		if !r.Buffered() {
			r.Release()
		}
	}
}

// Whatever the bytes and however they are cut, the commands are the same, and
// re-encoding them reads back the same.
func FuzzReader(f *testing.F) {
	for _, c := range commandCases {
		f.Add([]byte(c.in))
	}
	f.Add([]byte("*1\r\n$9223372036854775807\r\n"))
	f.Add([]byte("*9223372036854775807\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err1 := readAll(NewReader(bytes.NewReader(in), Limits{}))
		cut, err2 := readAll(NewReader(iotest.OneByteReader(bytes.NewReader(in)), Limits{}))
		if format(whole) != format(cut) || (err1.Error() != err2.Error()) {
			t.Fatalf("whole\n%s%v\none byte at a time\n%s%v", format(whole), err1, format(cut), err2)
		}
		var enc []byte
		for _, c := range whole {
			enc = AppendArray(enc, len(c))
			for _, a := range c {
				enc = AppendBulkString(enc, a)
			}
		}
		again, err := readAll(NewReader(bytes.NewReader(enc), Limits{}))
		if err != io.EOF || format(again) != format(whole) {
			t.Fatalf("again\n%s%v, want\n%s", format(again), err, format(whole))
		}
	})
}
