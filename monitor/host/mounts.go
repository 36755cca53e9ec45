package host

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Space is one mounted file system. Sizes are bytes.
type Space struct {
	Mount     string `json:"mount"`
	Device    string `json:"device"`
	FS        string `json:"fs"`
	Size      uint64 `json:"size"`
	Free      uint64 `json:"free"`
	Avail     uint64 `json:"avail"` // free to programs that are not root
	Files     uint64 `json:"files"` // inodes; 0 where the file system makes them as needed
	FilesFree uint64 `json:"files_free"`
	ReadOnly  bool   `json:"read_only"`
}

// Used is the share of the space that is taken, 0 to 1, as df(1) reckons it: what
// only root may use does not count as free.
func (s *Space) Used() float64 {
	used := s.Size - min(s.Free, s.Size)
	if used+s.Avail == 0 {
		return 0
	}
	return float64(used) / float64(used+s.Avail)
}

// mount is one line of mountinfo (proc(5)).
type mount struct {
	point, fs, device string
	readOnly          bool
}

// onDisk are the file systems that lie on a device of the machine. Others are left
// out: memory has no disk to fill, and one beyond a network may not answer.
var onDisk = map[string]bool{
	"ext2": true, "ext3": true, "ext4": true, "xfs": true, "btrfs": true, "zfs": true, "f2fs": true, "jfs": true,
	"reiserfs": true, "bcachefs": true, "vfat": true, "exfat": true, "ntfs": true, "ntfs3": true, "hfsplus": true, "apfs": true,
}

// aside are mounts under which only engines and the kernel keep house.
var aside = []string{"/proc", "/sys", "/dev", "/run", "/var/lib/docker", "/var/lib/containers", "/var/lib/kubelet", "/snap"}

// parseMounts reads the bytes of /proc/<pid>/mountinfo: the file systems on disks,
// each device once, at the mount nearest to the root.
func parseMounts(text string) []mount {
	var all []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		head, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(head) < 6 || len(tail) < 2 {
			continue
		}
		m := mount{point: unescape(head[4]), fs: tail[0], device: unescape(tail[1])}
		// A part of a file system, as a file bound into a container is, is not it.
		part := head[3] != "/" && m.fs != "btrfs"
		if !onDisk[m.fs] || part || slices.ContainsFunc(aside, func(d string) bool {
			return m.point == d || strings.HasPrefix(m.point, d+"/")
		}) {
			continue
		}
		m.readOnly = slices.Contains(strings.Split(head[5], ","), "ro") ||
			len(tail) > 2 && slices.Contains(strings.Split(tail[2], ","), "ro")
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b mount) int { return cmp.Compare(len(a.point), len(b.point)) })
	seen := map[string]bool{}
	all = slices.DeleteFunc(all, func(m mount) bool {
		again := seen[m.device]
		seen[m.device] = true
		return again
	})
	slices.SortFunc(all, func(a, b mount) int { return cmp.Compare(a.point, b.point) })
	return all
}

// unescape puts back the white space and backslashes that the kernel writes as \ooo.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// Spaces measures the machine's file systems, by mount point. The error says why
// there are none: a monitor in a container sees the host's mounts and may not look
// into them.
func (r Roots) Spaces() ([]Space, error) {
	text, err := os.ReadFile(filepath.Join(r.Proc, "1", "mountinfo"))
	if err != nil {
		return nil, err
	}
	root, err := r.lookInto()
	if err != nil {
		return nil, err
	}
	var all []Space
	for _, m := range parseMounts(string(text)) {
		s := Space{Mount: m.point, Device: m.device, FS: m.fs, ReadOnly: m.readOnly}
		if measure(filepath.Join(root, m.point), &s) == nil && s.Size > 0 {
			all = append(all, s)
		}
	}
	return all, nil
}

// lookInto returns the directory in which the machine's root is seen.
func (r Roots) lookInto() (string, error) {
	if r.Root != "" {
		return r.Root, nil
	}
	root := filepath.Join(r.Proc, "1", "root")
	_, err := os.Stat(root + "/")
	return root, err
}
