//go:build !linux

package host

import (
	"context"
	"errors"
)

func diagSockets(context.Context) (map[string]int, error) { return nil, errors.ErrUnsupported }
