package host

import "pingd/monitor/host/scan"

// SectorSize is the unit of /proc/diskstats, whatever the device's own sectors.
const SectorSize = 512

// Disk is one line of /proc/diskstats (Documentation/admin-guide/iostats.rst).
// Times are milliseconds since boot.
type Disk struct {
	Name                      string
	Reads, Writes             uint64 // operations completed
	ReadSectors, WriteSectors uint64
	ReadMS, WriteMS           uint64 // summed over operations
	ReadMerged, WriteMerged   uint64 // operations that joined another
	InFlight                  uint64 // operations now
	BusyMS                    uint64 // time with at least one operation
	WeightedMS                uint64 // BusyMS weighted with the queue's length
}

// ParseDisks appends the disks in the bytes of /proc/diskstats to to[:0] and
// returns it. Devices that never did anything, and the memory-backed loop and
// ram devices, are left out: they only blur the picture.
func ParseDisks(b []byte, to []Disk) []Disk {
	to = to[:0]
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		_, rest := scan.Field(line) // major
		_, rest = scan.Field(rest)  // minor
		name, rest := scan.Field(rest)
		if len(name) == 0 || virtual(name) {
			continue
		}
		d := Disk{}
		for _, n := range [...]*uint64{
			&d.Reads, &d.ReadMerged, &d.ReadSectors, &d.ReadMS,
			&d.Writes, &d.WriteMerged, &d.WriteSectors, &d.WriteMS,
			&d.InFlight, &d.BusyMS, &d.WeightedMS,
		} {
			*n, rest = scan.NextNumber(rest)
		}
		if d.Reads == 0 && d.Writes == 0 {
			continue
		}
		to = scan.Grow(to)
		last := &to[len(to)-1]
		d.Name = scan.Keep(last.Name, name)
		*last = d
	}
	return to
}

func virtual(name []byte) bool {
	return scan.HasPrefix(name, "loop") || scan.HasPrefix(name, "ram")
}

// Whole reports whether the disk is a device and not a partition of one, so
// that a sum over disks counts each byte once. The kernel names partitions by
// appending digits (sda1), or p and digits where the device's own name ends in
// a digit (nvme0n1p1, mmcblk0p2); d.Name is a partition if such a prefix is
// itself in the list.
func (d *Disk) Whole(all []Disk) bool {
	base := d.Name
	for len(base) > 0 && base[len(base)-1] >= '0' && base[len(base)-1] <= '9' {
		base = base[:len(base)-1]
	}
	if base == d.Name || base == "" {
		return true
	}
	for i := range all {
		switch n := all[i].Name; {
		case n == base && n != d.Name:
			return false
		case base[len(base)-1] == 'p' && n == base[:len(base)-1]:
			return false
		}
	}
	return true
}
