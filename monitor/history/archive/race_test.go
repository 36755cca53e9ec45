//go:build race

package archive

// raceDetector is true where everything takes ten times as long.
const raceDetector = true
