package logstore

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

func TestSpaceErrorSpeaksOnlyOfAFullDisk(t *testing.T) {
	cause := errors.New("segment is sealed")
	if err := spaceError(t.TempDir(), nil); err != nil {
		t.Errorf("an error out of none: %v", err)
	}
	// The kernel says of /proc that it has no free blocks.
	err := spaceError("/proc", cause)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "has 0 MiB free") || !strings.Contains(err.Error(), "\nhint: ") {
		t.Errorf("full disk: %v", err)
	}
	if err := spaceError("/no such directory", syscall.EIO); !errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), "hint") {
		t.Errorf("unknown disk: %v", err)
	}
}
