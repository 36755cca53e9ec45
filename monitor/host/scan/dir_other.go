//go:build !linux

package scan

import "strconv"

// Numbers calls fn for each entry of the directory f whose name is a number.
func Numbers(f File, _ []byte, fn func(n int)) error {
	if _, err := f.f.Seek(0, 0); err != nil {
		return err
	}
	names, err := f.f.Readdirnames(-1)
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			fn(n)
		}
	}
	return err
}
