package dispatch

import (
	"strings"
	"testing"

	"pingd/proxy/route"
)

func TestParseSpec(t *testing.T) {
	s, err := ParseSpec("shop.example.org/cart=/app/shop balance=leastconn sticky=srv")
	if err != nil || s.Pattern != (route.Pattern{Host: "shop.example.org", Path: "/cart"}) || s.Prefix != "/app/shop/" || s.Name != "app/shop" ||
		s.Balance.String() != "leastconn" || s.Cookie != "srv" || s.Servers != nil {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = ParseSpec("/static=10.0.0.1:80,10.0.0.2:80 check=/ok weight=2")
	if err != nil || s.Prefix != "" || s.Name != "/static/" || len(s.Servers) != 2 || s.Servers[1].Addr != "10.0.0.2:80" ||
		s.Servers[1].Weight != 2 || s.Servers[0].Check.Path != "/ok" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{
		"", "shop.example.org", "shop.example.org/", "shop.example.org/=", "shop.example.org=/app/", "a b=/x", "/=/", "/=//", "/=/app/ check=/x",
		"/=host", "/=host:80 color=red", "/=/app/ balance=x", "/=/app/ sticky=a;b", "*.org/=/app/",
	} {
		if s, err := ParseSpec(bad); err == nil {
			t.Errorf("%q became %+v", bad, s)
		}
	}
}

func TestSameService(t *testing.T) {
	parse := func(text string) *Spec {
		s, err := ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		return &s
	}
	a := parse("a.example.org/=/app/x/ balance=random")
	if !a.Same(parse("/x=/app/x balance=random")) || a.Same(parse("/x=/app/x")) || a.Same(parse("/x=/app/x balance=random sticky=c")) {
		t.Error("what is one service is not told from what is not")
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add("shop.example.org/cart=/app/shop balance=leastconn sticky=srv")
	f.Add("/=10.0.0.1:80 check=/")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec(text)
		if err != nil {
			return
		}
		if (s.Prefix == "") == (len(s.Servers) == 0) || s.Name == "" || s.Prefix != "" && (!strings.HasPrefix(s.Prefix, "/") || !strings.HasSuffix(s.Prefix, "/")) {
			t.Fatalf("%q became %+v", text, s)
		}
	})
}
