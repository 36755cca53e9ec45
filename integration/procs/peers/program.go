package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// MissingError says that a program is not installed.
type MissingError struct {
	Program string // as searched for on PATH
	Debian  string // the package that brings it
}

// Error names the package to install.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed\nhint: apt-get install %s", e.Program, e.Debian)
}

// find returns the path of a program or a *MissingError.
func find(program, debian string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	// Debian keeps daemons in /usr/sbin, which is not on every user's PATH.
	path = filepath.Join("/usr/sbin", program)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return "", &MissingError{Program: program, Debian: debian}
}

// write puts a configuration file into dir and returns its path.
func write(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return path, nil
}
