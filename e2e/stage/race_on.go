//go:build race

package stage

// raceDetector says whether this program was built with it.
const raceDetector = true
