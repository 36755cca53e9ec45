package keep

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/survey"
	"pingd/kv/backup"
	"pingd/kv/client"
	"pingd/kv/engine/bulk"
)

const (
	// LoadTry is how long a node may take for one part of a restore: the client that
	// Restore gets is to be made with it.
	LoadTry = 3 * time.Second

	loadLimit  = 2 * time.Minute // for one part in all, fail-overs included
	loadAtOnce = 4               // parts under way
	// fewKeys is how many keys may all be registrations of living processes; a
	// store with more is not looked through before it is called full.
	fewKeys = 10_000
)

// living are the prefixes of keys that the processes of a cluster hold as long as
// they live. Those that expire are no data: a restore leaves them alone, and passes
// over those of the file.
var living = []string{survey.Prefix, survey.Silences, "/app/servers/"}

func isRegistration(db uint8, name []byte, expireAt int64) bool {
	return db == 0 && expireAt != 0 && slices.ContainsFunc(living, func(p string) bool { return strings.HasPrefix(string(name), p) })
}

// Restore loads the file that cmd names into the cluster. The file is read to its
// end first: nothing is changed for one that is damaged.
func Restore(ctx context.Context, c *client.Client, cmd config.Command, std Streams) error {
	in, err := openInput(cmd.Path, std.In)
	if err != nil {
		return err
	}
	defer in.Close()
	told := newProgress(std.Err, "check")
	report, err := backup.Verify(told.reader(in), isRegistration)
	if err != nil {
		return fmt.Errorf("read %s: %w\nhint: nothing was changed; restore takes what pingd backup wrote, or an RDB file of Redis", cmd.Path, err)
	}
	fmt.Fprintf(std.Out, "%s: %s\nit holds %s\n", cmd.Path, report.Origin(), report.Contents())
	if err := acceptable(report, cmd, std.Out); err != nil {
		return err
	}
	plan, err := planRestore(ctx, c, cmd)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Out, plan.text)
	if plan.refusal != nil {
		return plan.refusal
	}
	if cmd.DryRun {
		fmt.Fprintln(std.Out, "nothing was changed (--dry-run)")
		return nil
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s: %w", cmd.Path, err)
	}
	l := &loader{ctx: ctx, c: c, run: rand.Text(), slots: make(chan struct{}, loadAtOnce)}
	err = l.load(newProgress(std.Err, "restore"), in, plan, cmd.Replace)
	if err != nil {
		how := "--merge"
		if cmd.Replace || plan.empty {
			how = "--replace"
		}
		return fmt.Errorf("restore %s: %w\nhint: a part of the file is loaded now; run the same command again, with %s, once the cluster is well", cmd.Path, err, how)
	}
	fmt.Fprintf(std.Out, "%d keys restored", l.sum.Set)
	if late := l.sum.Expired + l.sum.Orphans; late > 0 {
		fmt.Fprintf(std.Out, ", %d left out because their time was over", late)
	}
	fmt.Fprintln(std.Out)
	return nil
}

// openInput opens a file that can be read twice: standard input is kept in one
// without a name.
func openInput(path string, stdin io.Reader) (*os.File, error) {
	if path != stdoutName {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil, errors.Join(fmt.Errorf("read %s: it is no regular file\nhint: pingd restore - < %[1]s", path), f.Close())
		}
		return f, nil
	}
	f, err := os.CreateTemp("", "pingd-restore-*")
	if err != nil {
		return nil, fmt.Errorf("keep standard input: %w", err)
	}
	err = os.Remove(f.Name())
	if err == nil {
		_, err = io.Copy(f, stdin)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keep standard input: %w", err), f.Close())
	}
	return f, nil
}

// acceptable tells what of the file cannot be loaded, and refuses it unless that
// was agreed to.
func acceptable(report *backup.Report, cmd config.Command, stdout io.Writer) error {
	if report.TooLarge != "" {
		return fmt.Errorf("restore %s: key %s has an element of more than 15 MiB, which no command can carry", cmd.Path, report.TooLarge)
	}
	list := report.UnsupportedList()
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintf(stdout, "the store has no place for:\n  %s\n", strings.Join(list, "\n  "))
	if !cmd.SkipUnsupported {
		return fmt.Errorf("restore %s: it holds what this store does not have; nothing was changed\nhint: --skip-unsupported loads the rest", cmd.Path)
	}
	return nil
}

// restorePlan is what a restore is about to do.
type restorePlan struct {
	text    string
	refusal error
	empty   bool     // the cluster holds no data
	keep    []string // keys of living processes, which survive --replace
}

func planRestore(ctx context.Context, c *client.Client, cmd config.Command) (p restorePlan, err error) {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	sizes, err := c.Sizes(ctx)
	if err != nil {
		return p, err
	}
	total := int64(0)
	for _, n := range sizes {
		total += n
	}
	data := total
	if total <= fewKeys || cmd.Replace {
		if p.keep, err = c.Leased(ctx, living...); err != nil {
			return p, err
		}
		data = max(0, total-int64(len(p.keep)))
	}
	p.empty = data == 0
	switch {
	case p.empty:
		p.text = "the cluster holds no keys yet: those of the file are added"
	case cmd.Replace:
		p.text = fmt.Sprintf("the cluster holds %d keys: they are removed, then those of the file are added", data)
	case cmd.Merge:
		p.text = fmt.Sprintf("the cluster holds %d keys: they stay, but where the file has the same key, which then wins", data)
	default:
		p.text = fmt.Sprintf("the cluster holds %d keys", data)
		p.refusal = fmt.Errorf("restore %s: the cluster is not empty; nothing was changed\nhint: --replace removes its keys first, --merge keeps those that the file does not have", cmd.Path)
	}
	return p, nil
}

// loader sends the parts of a file to the cluster, several at a time.
type loader struct {
	ctx   context.Context
	c     *client.Client
	run   string // names this restore
	slots chan struct{}
	wg    sync.WaitGroup
	n     int

	mu  sync.Mutex
	sum client.Loaded
	err error

	failed atomic.Bool
}

func (l *loader) load(told *progress, in io.Reader, plan restorePlan, replace bool) error {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	l.ctx = ctx
	defer l.wg.Wait()
	if replace && !plan.empty {
		var keep [][]byte
		for _, k := range plan.keep {
			keep = append(keep, []byte(k))
		}
		var p bulk.Payload
		p.Flush(keep)
		if err := l.send(p.Bytes(), true); err != nil {
			return err
		}
		l.wg.Wait()
	}
	err := backup.Load(told.reader(in), isRegistration, l.send)
	if err != nil {
		cancel() // what is under way is for nothing
	}
	l.wg.Wait()
	if first := l.failure(); first != nil {
		return first
	}
	if err == nil {
		told.done("%d keys", l.sum.Set)
	}
	return err
}

// errBroken ends reading the file once a part could not be loaded.
var errBroken = errors.New("a part could not be loaded")

// send sends a part, and waits only while too many are under way. One that is
// ordered goes on with what those before it began: it waits for them, and for itself.
func (l *loader) send(payload []byte, ordered bool) error {
	if ordered {
		l.wg.Wait()
	}
	if l.failed.Load() {
		return errBroken
	}
	l.n++
	token := fmt.Sprintf("restore/%s/%d", l.run, l.n)
	l.slots <- struct{}{}
	late := false
	l.wg.Go(func() {
		defer func() { <-l.slots }()
		ctx, cancel := context.WithTimeout(l.ctx, loadLimit)
		defer cancel()
		got, err := l.c.Load(ctx, token, payload)
		l.took(got, err)
		late = got.Expired > 0
	})
	if ordered {
		l.wg.Wait()
		if late {
			return backup.ErrLate
		}
	}
	return nil
}

func (l *loader) took(got client.Loaded, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Set += got.Set
	l.sum.Expired += got.Expired
	l.sum.Orphans += got.Orphans
	if err != nil && l.err == nil {
		l.err = err
		l.failed.Store(true)
	}
}

func (l *loader) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
