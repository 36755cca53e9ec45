package compress

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	o, err := Parse("gzip")
	if err != nil || o.MinSize != 1024 || o.Level != 4 || o.Streams != 256 || len(o.Types) < 5 {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = Parse(" gzip  streams=7 min=1  level=9 types=Text/HTML,application/* ")
	want := Options{MinSize: 1, Level: 9, Streams: 7, Types: []string{"text/html", "application/*"}}
	if err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("%+v, %v", o, err)
	}
	for text, rule := range map[string]string{
		"":                         "neither off nor gzip",
		"br":                       "neither off nor gzip",
		"gzip, br":                 "neither off nor gzip",
		"gzip min":                 "min= is not a number",
		"gzip min=0":               "from 1 to",
		"gzip min=1K":              "from 1 to",
		"gzip level=0":             "from 1 to 9",
		"gzip level=10":            "from 1 to 9",
		"gzip streams=-1":          "from 1 to",
		"gzip streams=99999999999": "from 1 to",
		"gzip types=":              "no media type",
		"gzip types=text":          "no media type",
		"gzip types=*/*":           "no media type",
		"gzip types=text/html,":    "no media type",
		"gzip types=text/a/b":      "no media type",
		"gzip speed=1":             "none of min=",
		"gzip level=1 level=2":     "twice",
	} {
		if o, err := Parse(text); err == nil || !strings.Contains(err.Error(), rule) || o.Level != 0 {
			t.Errorf("%q: %+v, %v", text, o, err)
		}
	}
}

func TestNewRefusesLevels(t *testing.T) {
	if _, err := New(Options{Level: 10}); err == nil {
		t.Error("level 10")
	}
}
