package session

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

const h2spec = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

// TestH2spec runs the conformance tests of h2spec, all of which pass.
func TestH2spec(t *testing.T) {
	path, err := exec.LookPath("h2spec")
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skipf("h2spec is not installed: go install %s", h2spec)
	}
	addr, _ := listen(t, Config{Handle: handle(nil, echo)})
	host, port, _ := net.SplitHostPort(addr)
	out, err := exec.CommandContext(within(t), path, "-h", host, "-p", port, "-o", "3").CombinedOutput()
	if summary := regexp.MustCompile(`145 tests, 145 passed, 0 skipped, 0 failed`); err != nil || !summary.Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}
