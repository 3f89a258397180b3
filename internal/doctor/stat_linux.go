package doctor

import "syscall"

// tmpfs is the number of the file system that lies in memory.
const tmpfs = 0x01021994

// statOf gives the bytes that are free for this user, and whether they are memory.
func statOf(dir string) (free uint64, memory bool, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false, err
	}
	return s.Bavail * uint64(s.Bsize), s.Type == tmpfs, nil //nolint:gosec // a block has a size
}
