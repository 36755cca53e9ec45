package value

import "bytes"

// LCS returns the longest common subsequence of a and b that
// Redis picks. It takes 4 bytes for each pair of bytes.
func LCS(a, b []byte) []byte {
	w := len(b) + 1
	cells := make([]uint32, (len(a)+1)*w)
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			if a[i-1] == b[j-1] {
				cells[i*w+j] = cells[(i-1)*w+j-1] + 1
			} else {
				cells[i*w+j] = max(cells[(i-1)*w+j], cells[i*w+j-1])
			}
		}
	}
	out := bytes.Repeat([]byte{0}, int(cells[len(cells)-1]))
	for i, j, k := len(a), len(b), len(out); k > 0; {
		switch {
		case a[i-1] == b[j-1]:
			k--
			out[k] = a[i-1]
			i, j = i-1, j-1
		case cells[(i-1)*w+j] > cells[i*w+j-1]:
			i--
		default:
			j--
		}
	}
	return out
}
