package compress

import (
	"fmt"
	"strconv"
	"strings"
)

// Options say what is compressed. Zero fields take their defaults.
type Options struct {
	// MinSize is the smallest body that is compressed, if its size is known
	// (default 1024 bytes).
	MinSize int64
	// Types are the media types that are compressed, in lower case: type/subtype, or
	// type/* for all of a type but text/event-stream (default: text and what is like
	// text).
	Types []string
	// Level is how hard to try, 1 to 9 (default 4).
	Level int
	// Streams is how many responses are compressed at once (default 256).
	Streams int
}

const (
	defaultMin     = 1 << 10
	defaultLevel   = 4
	defaultStreams = 256
)

// defaultTypes are those whose bodies are text, or much like it.
var defaultTypes = []string{
	"text/*",
	"application/javascript", "application/json", "application/ld+json", "application/manifest+json", "application/problem+json",
	"application/atom+xml", "application/rss+xml", "application/xhtml+xml", "application/xml", "application/wasm",
	"font/otf", "font/ttf", "image/bmp", "image/svg+xml",
}

// Parse reads "gzip", and behind it, each once or not at all, min=BYTES,
// types=TYPE,..., level=N and streams=N.
func Parse(text string) (o Options, err error) {
	words := strings.Fields(text)
	if len(words) == 0 || words[0] != "gzip" {
		return o, fmt.Errorf("%q is neither off nor gzip, with min=BYTES, types=TYPE,..., level=N or streams=N behind it or not", text)
	}
	seen := map[string]bool{}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		if seen[key] {
			return Options{}, fmt.Errorf("%s= is there twice", key)
		}
		seen[key] = true
		if err := o.set(key, value); err != nil {
			return Options{}, err
		}
	}
	return o.withDefaults(), nil
}

func (o *Options) set(key, value string) error {
	number := func(most int) (int, error) {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > most {
			return 0, fmt.Errorf("%s=%s is not a number from 1 to %d", key, value, most)
		}
		return n, nil
	}
	var n int
	var err error
	switch key {
	case "min":
		n, err = number(1 << 30)
		o.MinSize = int64(n)
	case "level":
		o.Level, err = number(9)
	case "streams":
		o.Streams, err = number(1 << 20)
	case "types":
		for t := range strings.SplitSeq(value, ",") {
			t = strings.ToLower(t)
			if !validType(t) {
				return fmt.Errorf("%q in types= is no media type such as text/html, or text/* for all of a kind", t)
			}
			o.Types = append(o.Types, t)
		}
	default:
		return fmt.Errorf("%q is none of min=BYTES, types=TYPE,..., level=N and streams=N", key)
	}
	return err
}

func (o Options) withDefaults() Options {
	if o.MinSize == 0 {
		o.MinSize = defaultMin
	}
	if len(o.Types) == 0 {
		o.Types = defaultTypes
	}
	if o.Level == 0 {
		o.Level = defaultLevel
	}
	if o.Streams == 0 {
		o.Streams = defaultStreams
	}
	return o
}
