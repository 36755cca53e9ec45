package tracking

import (
	"fmt"
	"strconv"
	"strings"
)

// Options are those of CLIENT TRACKING on.
type Options struct {
	Redirect int64 // connection that gets the messages; 0 = the caller's own
	BCast    bool  // messages for all keys with a prefix, read or not
	OptIn    bool  // keys count only after CLIENT CACHING yes
	OptOut   bool  // keys count unless after CLIENT CACHING no
	NoLoop   bool  // no messages for what the caller changes itself
	Prefixes []string
}

// Parse reads the words of CLIENT TRACKING after on or off. exists tells whether
// there is a connection with a number. problem is the error to reply, or empty.
func Parse(args [][]byte, exists func(id int64) bool) (o Options, problem string) {
	for i := 0; i < len(args); i++ {
		more := i+1 < len(args)
		switch word := strings.ToLower(string(args[i])); {
		case word == "redirect" && more:
			i++
			if o.Redirect != 0 {
				return o, "ERR A client can only redirect to a single other client"
			}
			id, err := strconv.ParseInt(string(args[i]), 10, 64)
			if err != nil {
				return o, "ERR value is not an integer or out of range"
			}
			if !exists(id) {
				return o, "ERR The client ID you want redirect to does not exist"
			}
			o.Redirect = id
		case word == "bcast":
			o.BCast = true
		case word == "optin":
			o.OptIn = true
		case word == "optout":
			o.OptOut = true
		case word == "noloop":
			o.NoLoop = true
		case word == "prefix" && more:
			i++
			o.Prefixes = append(o.Prefixes, string(args[i]))
		default:
			return o, "ERR syntax error"
		}
	}
	return o, ""
}

// conflict returns what is wrong with o on a reader that is now, or empty. The
// order of the rules is Redis's.
func (o *Options) conflict(on bool, now *Options) string {
	const before = " before disabling tracking for this client, and then re-enabling it with a different mode."
	switch {
	case !o.BCast && len(o.Prefixes) > 0:
		return "ERR PREFIX option requires BCAST mode to be enabled"
	case on && o.BCast != now.BCast:
		return "ERR You can't switch BCAST mode on/off" + before
	case o.BCast && (o.OptIn || o.OptOut):
		return "ERR OPTIN and OPTOUT are not compatible with BCAST"
	case o.OptIn && o.OptOut:
		return "ERR You can't specify both OPTIN mode and OPTOUT mode"
	case on && (o.OptIn && now.OptOut || o.OptOut && now.OptIn):
		return "ERR You can't switch OPTIN/OPTOUT mode" + before
	case o.BCast:
		return overlap(o.Prefixes, now.Prefixes)
	}
	return ""
}

// overlap finds a prefix that is the beginning of another one: a change would be
// told twice.
func overlap(asked, have []string) string {
	const rule = ". Prefixes for a single client must not overlap."
	for i, p := range asked {
		for _, old := range have {
			if strings.HasPrefix(p, old) || strings.HasPrefix(old, p) {
				return fmt.Sprintf("ERR Prefix '%s' overlaps with an existing prefix '%s'", p, old) + rule
			}
		}
		for _, other := range asked[i+1:] {
			if strings.HasPrefix(p, other) || strings.HasPrefix(other, p) {
				return fmt.Sprintf("ERR Prefix '%s' overlaps with another provided prefix '%s'", p, other) + rule
			}
		}
	}
	return ""
}
