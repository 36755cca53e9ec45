package show

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(int64(-1234567)): "-1,234,567",
		Rate(12345.6): "12,346", Millis(0.123): "0.12", Millis(12.34): "12.3", Millis(1234.5): "1234",
	} {
		if got != want {
			t.Errorf("printed %s, want %s", got, want)
		}
	}
}
