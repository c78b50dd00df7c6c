package engines

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// diskReserve is what a download leaves free, so that the rest of the machine goes on working.
const diskReserve = 64 << 20

// diskFullError says that a download has no room.
type diskFullError struct {
	dir        string
	need, free int64 // bytes; both 0 when the disk filled up during the download
}

func (e *diskFullError) Error() string {
	if e.need == 0 {
		return fmt.Sprintf("the disk that holds %s is full; free some space and run the same command again, it goes on where it stopped", e.dir)
	}
	return fmt.Sprintf("%d bytes (%s) are needed on the disk that holds %s and %d (%s) are free; free some space or set another cache folder",
		e.need, gigabytes(e.need), e.dir, e.free, gigabytes(e.free))
}

// freeSpace is the number of bytes that this user may still write on dir's disk.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // the types differ between systems
}

// checkSpace returns a *diskFullError when dir's disk has no room for need more bytes.
func (l *Library) checkSpace(dir string, need int64) error {
	free, err := l.freeSpace(dir)
	if err != nil {
		return err
	}
	if need += diskReserve; need > free {
		return &diskFullError{dir: dir, need: need, free: free}
	}
	return nil
}

// diskFull turns "no space left" into the error that says what to do about it, and leaves other errors alone.
func diskFull(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w (%w)", &diskFullError{dir: dir}, err)
	}
	return err
}
