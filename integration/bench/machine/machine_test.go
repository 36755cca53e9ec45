package machine

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMachine(t *testing.T) {
	m, err := Inspect(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if m.Cores < 1 || m.SyncMS <= 0 || m.Jitter < 1 || !strings.Contains(m.String(), " cores, Linux ") {
		t.Errorf("machine %+v: %s", m, m)
	}
}
