package store

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestShape(t *testing.T) {
	for text, want := range map[string]shape{"1": {1, 1}, "200": {200, 1}, "50x16": {50, 16}} {
		var s shape
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%q is %+v (%s), %v", text, s, s, err)
		}
	}
	for _, text := range []string{"", "x", "0", "5x", "5x0", "-1", "99999", "9999x9", "1.5"} {
		if err := new(shape).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a shape", text)
		}
	}
}
