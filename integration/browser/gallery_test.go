package browser

import (
	"os"
	"testing"
)

// TestGallery takes pictures of a page that runs somewhere, to look at:
//
//	PINGD_TEST_GALLERY=http://127.0.0.1:19999/ go test -run TestGallery -artifacts ./integration/browser
//
// PINGD_TEST_GALLERY_SECRET is its secret, if it has one.
func TestGallery(t *testing.T) {
	address := os.Getenv("PINGD_TEST_GALLERY")
	if address == "" {
		t.Skip("set PINGD_TEST_GALLERY to the address of a page")
	}
	b := Start(t, 1440, 900)
	if secret := os.Getenv("PINGD_TEST_GALLERY_SECRET"); secret != "" {
		b.Call("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"Authorization": "Bearer " + secret}}, nil)
	}
	for _, shot := range []struct {
		name, query   string
		width, height int
	}{
		{"page", "?theme=dark", 1280, 860},     // docs/page.png
		{"monitor", "?theme=dark", 1280, 1210}, // docs/monitor.png
		{"dark", "?theme=dark", 1280, 3400},
		{"light", "?theme=light", 1280, 3400},
		{"dark-narrow", "?theme=dark", 360, 2400},
		{"day", "?theme=dark#span=86400", 1440, 2200},
		{"numbers", "?theme=light#span=3600", 1440, 2200},
	} {
		b.Blank()
		b.Size(shot.width, shot.height)
		b.Open(address + shot.query)
		b.Wait(`document.querySelectorAll("#charts .legend td").length > 20`)
		b.Wait(`new Promise(ok => setTimeout(() => ok(true), 1500))`)
		if shot.name == "numbers" {
			b.Eval(`document.getElementById("nums").click()`)
			b.Wait(`new Promise(ok => setTimeout(() => ok(true), 300))`)
		}
		b.Shot(shot.name + ".png")
		if shot.name == "numbers" {
			b.Eval(`document.getElementById("nums").click()`)
		}
	}
	t.Log(b.Console())
}
