package listing

import (
	"strconv"
	"strings"
)

// Filter says which clients are meant; a zero field leaves all.
type Filter struct {
	IDs         map[int64]bool // of CLIENT LIST
	ID          int64          // of CLIENT KILL
	Addr, LAddr string
	Nobody      bool // an address was asked for that is empty, as nobody's is
	Type        string
	SkipMe      bool // for the caller to heed
}

// Matches reports whether the client is meant.
func (f *Filter) Matches(c *Client) bool {
	return !f.Nobody &&
		(f.IDs == nil || f.IDs[c.ID]) &&
		(f.ID == 0 || f.ID == c.ID) &&
		(f.Addr == "" || f.Addr == c.Addr) &&
		(f.LAddr == "" || f.LAddr == c.LAddr) &&
		(f.Type == "" || c.IsType(f.Type))
}

// ParseList reads the words of CLIENT LIST after the second; problem is the error
// to reply, or empty.
func (f *Filter) ParseList(args [][]byte) (problem string) {
	switch {
	case len(args) == 0:
	case len(args) == 2 && strings.EqualFold(string(args[0]), "TYPE"):
		if f.Type = strings.ToLower(string(args[1])); !ValidType(f.Type) {
			return "ERR Unknown client type '" + string(args[1][:min(len(args[1]), 128)]) + "'"
		}
	case len(args) > 1 && strings.EqualFold(string(args[0]), "ID"):
		f.IDs = make(map[int64]bool, len(args)-1)
		for _, a := range args[1:] {
			id, err := strconv.ParseInt(string(a), 10, 64)
			if err != nil {
				return "ERR Invalid client ID"
			}
			f.IDs[id] = true
		}
	default:
		return "ERR syntax error"
	}
	return ""
}

// Parse reads the words of CLIENT KILL after the second; problem is the error to
// reply, or empty.
func (f *Filter) Parse(args [][]byte) (problem string) {
	if len(args)%2 != 0 {
		return "ERR syntax error"
	}
	for i := 0; i < len(args); i += 2 {
		value := string(args[i+1])
		switch strings.ToUpper(string(args[i])) {
		case "ID":
			id, err := strconv.ParseInt(value, 10, 64)
			if err != nil || id < 1 {
				return "ERR client-id should be greater than 0"
			}
			f.ID = id
		case "ADDR":
			f.Addr, f.Nobody = value, f.Nobody || value == ""
		case "LADDR":
			f.LAddr, f.Nobody = value, f.Nobody || value == ""
		case "USER":
			if value != "default" {
				return "ERR No such user '" + value[:min(len(value), 128)] + "'"
			}
		case "TYPE":
			if f.Type = strings.ToLower(value); !ValidType(f.Type) {
				return "ERR Unknown client type '" + value[:min(len(value), 128)] + "'"
			}
		case "SKIPME":
			switch strings.ToLower(value) {
			case "yes":
				f.SkipMe = true
			case "no":
				f.SkipMe = false
			default:
				return "ERR syntax error"
			}
		default:
			return "ERR syntax error"
		}
	}
	return ""
}
