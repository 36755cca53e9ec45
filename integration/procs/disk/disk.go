//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"pingd/integration/procs"
)

// Requests of ioctl(2), from linux/fs.h and fs/ext4/ext4.h.
const (
	fiFreeze     = 0xc0045877
	fiThaw       = 0xc0045878
	ext4Shutdown = 0x8004587d
	noLogFlush   = 2 // EXT4_GOING_FLAGS_NOLOGFLUSH: the journal is not written either
)

// Disk is a mounted file system. It is for one goroutine at a time.
type Disk struct {
	Dir    string // where it is mounted
	image  string
	frozen *os.File // nil while it is not
}

// cleanUp takes a disk $1 of the image $2 away, whatever state it is in.
const cleanUp = `
fsfreeze -u "$1" 2>/dev/null
while mountpoint -q "$1"; do
	umount "$1" 2>/dev/null || umount -l "$1" || exit 1
done
rm -f "$2"`

// New mounts a new file system of that many MiB on dir, which it makes. Where that is
// not allowed the test is skipped.
func New(t procs.TB, dir string, mib int64) *Disk {
	t.Helper()
	mkfs := procs.Need(t, "mkfs.ext4", "e2fsprogs")
	procs.Root(t)
	d := &Disk{Dir: dir}
	var err error
	if d.image, err = imageFor(dir, mib<<20); err != nil {
		t.Fatalf("make a disk: %v", err)
	}
	procs.AtEnd(t, cleanUp, d.Dir, d.image)
	if err := errors.Join(os.MkdirAll(dir, 0o750), d.make(mkfs)); err != nil {
		t.Fatalf("make a disk: %v", err)
	}
	if err := d.try(); err != nil {
		t.Skipf("the kernel gives no disk that can be frozen and cut off here: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Thaw(); err != nil {
			t.Errorf("thaw a disk: %v", err)
		}
	})
	return d
}

// try mounts the disk and does to it, while it is empty, what may not be allowed.
func (d *Disk) try() error {
	for _, step := range []func() error{d.share, d.mount, d.Freeze, d.Thaw, d.Fail, d.Remount} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// inMemory is where the images are if there is room: a loop device on a real disk
// syncs for each journal in turn, and takes seconds on a busy machine.
const inMemory = "/dev/shm"

// imageFor makes an empty file for a disk's content.
func imageFor(dir string, size int64) (path string, err error) {
	parent := filepath.Dir(dir)
	var fs unix.Statfs_t
	if unix.Statfs(inMemory, &fs) == nil && fs.Type == unix.TMPFS_MAGIC && int64(fs.Bavail)*fs.Bsize > size {
		parent = inMemory
	}
	f, err := os.CreateTemp(parent, "pingd-disk-*.img")
	if err != nil {
		return "", err
	}
	return f.Name(), errors.Join(f.Truncate(size), f.Close())
}

func (d *Disk) make(mkfs string) error {
	return run(mkfs, "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", d.image)
}

// share sees to it that the disk is unmounted everywhere when it is here: a process that
// begins a mount namespace meanwhile, as "ip netns exec" does, has a copy of all mounts,
// and a disk that is mounted anywhere is not mounted anew, but as it is.
func (d *Disk) share() error {
	if err := run("mount", "--bind", d.Dir, d.Dir); err != nil {
		return err
	}
	return run("mount", "--make-shared", d.Dir)
}

func (d *Disk) mount() error { return run("mount", "-o", "loop", d.image, d.Dir) }

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (d *Disk) ioctl(request uint, arg uint32) error {
	f, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return ioctl(f, request, arg)
}

func ioctl(f *os.File, request uint, arg uint32) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), uintptr(request), uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return fmt.Errorf("ioctl %#x of %s: %w", request, f.Name(), errno)
	}
	return nil
}

// Fail makes every operation fail from now on, as a disk that was pulled out does.
// What was not synced is lost. Only Remount helps.
func (d *Disk) Fail() error { return d.ioctl(ext4Shutdown, noLogFlush) }

// Remount gives the disk back after Fail, as it was synced: the power is on again.
// The processes that used it must have ended.
func (d *Disk) Remount() error {
	if err := run("umount", d.Dir); err != nil {
		return err
	}
	return d.mount()
}

// Freeze makes every write hang until Thaw. Whoever hangs in one cannot be killed.
func (d *Disk) Freeze() error {
	f, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	if err := ioctl(f, fiFreeze, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	d.frozen = f
	return nil
}

// Thaw lets writes go on.
func (d *Disk) Thaw() error {
	f := d.frozen
	if f == nil {
		return nil
	}
	d.frozen = nil
	return errors.Join(ioctl(f, fiThaw, 0), f.Close())
}

const ballast = "ballast"

// Fill takes room until only so many MiB are free.
func (d *Disk) Fill(free int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.Dir, &fs); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(d.Dir, ballast))
	if err != nil {
		return err
	}
	defer f.Close()
	take := int64(fs.Bavail)*fs.Bsize - free<<20
	if take <= 0 {
		return fmt.Errorf("fill %s: less than %d MiB are free already", d.Dir, free)
	}
	return unix.Fallocate(int(f.Fd()), 0, 0, take)
}

// Empty gives the room back that Fill took.
func (d *Disk) Empty() error { return os.Remove(filepath.Join(d.Dir, ballast)) }
