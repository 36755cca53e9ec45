package health

import "time"

// RampScale is what weights are multiplied by while one of them is ramping up,
// so that a hundredth of a server's share can be told from none.
const RampScale = 100

// Ramp returns the weight, in units of 1/RampScale, of a server that came up
// some time ago and reaches its full weight after slow (HAProxy keyword
// "slowstart"): a straight line that begins at the least share there is.
func Ramp(weight int, up, slow time.Duration) int {
	full := weight * RampScale
	if up >= slow || full == 0 {
		return full
	}
	return max(1, int(int64(full)*int64(max(up, 0))/int64(slow)))
}
