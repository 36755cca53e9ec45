package cert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Errors of loading.
var (
	// ErrNone is returned for a path behind which there is no certificate.
	ErrNone = errors.New("no certificate here")
	// ErrNoKey is returned for a certificate without its key.
	ErrNoKey = errors.New("no private key in the file nor beside it")
)

// Load reads the certificates behind a path: a file, or a directory of them.
func Load(path string) ([]*tls.Certificate, error) {
	files, err := find(path)
	if err != nil {
		return nil, err
	}
	var all []*tls.Certificate
	for _, f := range files {
		c, err := loadFile(f)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("load certificates of %s: %w", path, ErrNone)
	}
	return all, nil
}

// find returns the files with certificates behind a path.
func find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("load certificates: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	for _, pattern := range []string{"*.pem", "*.crt", "*/fullchain.pem"} {
		found, err := filepath.Glob(filepath.Join(escape(path), pattern))
		if err != nil {
			return nil, fmt.Errorf("load certificates of %s: %w", path, err)
		}
		for _, f := range found {
			if holdsCertificate(f) {
				files = append(files, f)
			}
		}
	}
	slices.Sort(files)
	return files, nil
}

// escape makes a directory's name stand for itself in a pattern.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// holdsCertificate tells a certificate from a key or a chain of the authority's.
func holdsCertificate(file string) bool {
	if slices.Contains([]string{"chain.pem", "privkey.pem"}, filepath.Base(file)) {
		return false
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return true // loading it tells why
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_, err := keyFile(file)
			return err == nil
		}
	}
	return false
}

// keyFile returns the file with the key of the certificate in file.
func keyFile(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("load certificate: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return file, nil
		}
	}
	base := strings.TrimSuffix(file, filepath.Ext(file))
	beside := []string{file + ".key", base + ".key", base + "-key.pem"}
	if filepath.Base(file) == "fullchain.pem" {
		beside = []string{filepath.Join(filepath.Dir(file), "privkey.pem")}
	}
	for _, k := range beside {
		if _, err := os.Stat(k); !errors.Is(err, fs.ErrNotExist) {
			return k, nil
		}
	}
	return "", fmt.Errorf("load certificate %s: %w (%s)", file, ErrNoKey, strings.Join(beside, ", "))
}

func loadFile(file string) (*tls.Certificate, error) {
	key, err := keyFile(file)
	if err != nil {
		return nil, err
	}
	c, err := tls.LoadX509KeyPair(file, key)
	if err != nil {
		return nil, fmt.Errorf("load certificate %s: %w", file, err)
	}
	if err := fill(&c); err != nil {
		return nil, fmt.Errorf("load certificate %s: %w", file, err)
	}
	return &c, nil
}

// fill parses the leaf, so that nobody has to in a handshake.
func fill(c *tls.Certificate) (err error) {
	if c.Leaf == nil {
		c.Leaf, err = x509.ParseCertificate(c.Certificate[0])
	}
	return err
}

// stamps tell whether what is behind a path has changed.
func stamps(path string) string {
	files, err := find(path)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, f := range files {
		key, _ := keyFile(f)
		for _, name := range []string{f, key} {
			if info, err := os.Stat(name); err == nil {
				fmt.Fprintf(&b, "%s %s %d\n", name, info.ModTime().Format(time.RFC3339Nano), info.Size())
			}
		}
	}
	return b.String()
}
