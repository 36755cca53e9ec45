package host

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Temperature is what one sensor of the machine says.
type Temperature struct {
	Chip    string  `json:"chip"`   // as node_exporter names it: "platform_coretemp_0"
	Sensor  string  `json:"sensor"` // "temp1"
	Label   string  `json:"label"`  // "Package id 0"; the sensor where it has none
	Celsius float64 `json:"celsius"`
	Limit   float64 `json:"limit,omitempty"` // from which the chip calls it critical; 0 = unknown
}

const maxSensors = 256

// Temperatures reads the sensors below <sys>/class/hwmon (Documentation/hwmon), nil
// where there are none, as on most virtual machines.
func (r Roots) Temperatures() []Temperature {
	chips, err := filepath.Glob(filepath.Join(r.Sys, "class", "hwmon", "hwmon*"))
	if err != nil {
		return nil
	}
	var all []Temperature
	taken := map[string]bool{}
	for _, dir := range chips {
		chip := chipName(dir)
		if taken[chip] { // two without a device of their own, such as of two thermal zones
			chip += "_" + plain(filepath.Base(dir))
		}
		taken[chip] = true
		inputs, err := filepath.Glob(filepath.Join(dir, "temp*_input"))
		if err != nil || len(inputs) == 0 {
			continue
		}
		for _, input := range inputs {
			base := strings.TrimSuffix(input, "_input")
			v, ok := milli(input)
			if !ok || len(all) >= maxSensors {
				continue
			}
			t := Temperature{Chip: chip, Sensor: filepath.Base(base), Celsius: v}
			t.Limit, _ = milli(base + "_crit")
			if t.Label = word(base + "_label"); t.Label == "" {
				t.Label = t.Sensor
			}
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b Temperature) int { return strings.Compare(a.Chip+" "+a.Sensor, b.Chip+" "+b.Sensor) })
	return all
}

func word(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(b)), "\uFFFD")
}

func milli(path string) (float64, bool) {
	n, err := strconv.ParseInt(word(path), 10, 64)
	return float64(n) / 1000, err == nil
}

// chipName is node_exporter's: the device's bus and name, as the numbers of hwmon
// change from start to start.
func chipName(dir string) string {
	if device, err := filepath.EvalSymlinks(filepath.Join(dir, "device")); err == nil {
		bus, name := filepath.Base(filepath.Dir(device)), filepath.Base(device)
		if bus, name = plain(bus), plain(name); bus != "" && name != "" {
			return bus + "_" + name
		} else if name != "" {
			return name
		}
	}
	if name := plain(word(filepath.Join(dir, "name"))); name != "" {
		return name
	}
	return filepath.Base(dir)
}

// plain keeps what may stand in a metric's name.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == ':' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
	return strings.Trim(s, "_")
}
