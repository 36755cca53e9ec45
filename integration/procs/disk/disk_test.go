//go:build linux

package disk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
	"pingd/integration/procs/disk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, path, text string, sync bool) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if !sync {
		return
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), dir.Sync(), dir.Close()); err != nil {
		t.Fatal(err)
	}
}

// elsewhere begins a process that has a copy of all mounts, as others on the machine may.
func elsewhere(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	lab := procs.ForTest(t)
	unshare := procs.Need(t, "unshare", "util-linux")
	p, err := lab.Start(ctx, procs.Spec{Name: "elsewhere", Path: unshare, Args: []string{"--mount", "--propagation=slave", "sh", "-c", "echo here; exec sleep 100"}})
	if err != nil {
		t.Fatal(err)
	}
	err = p.WaitReady(ctx, func(context.Context) error {
		if p.Tail(1) != "here" {
			return errors.New("it has not begun")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPowerCutKeepsWhatWasSyncedAlone(t *testing.T) {
	d := disk.New(t, filepath.Join(t.TempDir(), "d"), 64)
	elsewhere(t)
	synced, not := filepath.Join(d.Dir, "synced"), filepath.Join(d.Dir, "not")
	write(t, synced, "kept", true)
	write(t, not, "gone", false)
	if err := d.Fail(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Create(filepath.Join(d.Dir, "more")); !errors.Is(err, syscall.EIO) {
		t.Errorf("a disk without power takes a file: %v", err)
	}
	if err := d.Remount(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(synced); string(got) != "kept" {
		t.Errorf("what was synced: %q, %v", got, err)
	}
	if got, err := os.ReadFile(not); len(got) > 0 {
		t.Errorf("what was not synced: %q, %v", got, err)
	}
}

func TestAFrozenDiskTakesAWriteWhenItThaws(t *testing.T) {
	d := disk.New(t, filepath.Join(t.TempDir(), "d"), 64)
	if err := d.Freeze(); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(filepath.Join(d.Dir, "f"), []byte("x"), 0o600) }()
	select {
	case err := <-wrote:
		t.Errorf("a frozen disk took a write: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := d.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

func TestFillLeavesWhatItWasTold(t *testing.T) {
	d := disk.New(t, filepath.Join(t.TempDir(), "d"), 64)
	if err := d.Fill(8); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 16<<20)
	if err := os.WriteFile(filepath.Join(d.Dir, "f"), big, 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("16 MiB where 8 are free: %v", err)
	}
	if err := d.Fill(64); err == nil {
		t.Error("64 MiB are free on a disk of 64")
	}
	if err := d.Empty(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Dir, "f"), big, 0o600); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	t.Run("", func(t *testing.T) {
		d := disk.New(t, dir, 64)
		write(t, filepath.Join(dir, "f"), "x", false)
		if err := d.Freeze(); err != nil { // and it ends like this
			t.Fatal(err)
		}
	})
	if list, err := os.ReadDir(dir); len(list) > 0 {
		t.Errorf("still mounted: %v, %v", list, err)
	}
}
