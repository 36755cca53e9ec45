package record

import "pingd/monitor/host"

// Spaces records the file systems; hours tells how long each lasts, 0 if it does
// not fill.
func (r *Recorder) Spaces(all []host.Space, hours map[string]float64) {
	for i := range all {
		s := &all[i]
		r.Put(100*s.Used(), "space", s.Mount, "used")
		r.Put(float64(s.Avail), "space", s.Mount, "avail")
		if s.Files > 0 {
			r.Put(100*share(float64(s.Files-min(s.FilesFree, s.Files)), float64(s.Files)), "space", s.Mount, "inodes")
		}
		if h := hours[s.Mount]; h > 0 {
			r.Put(h, "space", s.Mount, "hours")
		}
	}
}

// HoursLeft tells how long a file system lasts that had so many bytes available a
// while ago and has so many now, 0 if it does not fill or lasts a year.
func HoursLeft(before, now, seconds float64) float64 {
	const year = 365 * 24
	if seconds <= 0 || now >= before {
		return 0
	}
	if h := now / (before - now) * seconds / 3600; h < year {
		return h
	}
	return 0
}

// Temperatures records the sensors.
func (r *Recorder) Temperatures(all []host.Temperature) {
	for i := range all {
		r.Put(all[i].Celsius, "temp", all[i].Chip, all[i].Sensor)
	}
}

// Own is what this process itself takes.
type Own struct {
	CPUSeconds float64 // since its start
	Memory     float64 // resident bytes
}
