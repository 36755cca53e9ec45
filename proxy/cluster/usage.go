package cluster

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"pingd/proxy/limit"
)

// rateLife is how long a report of busy clients is of interest.
const rateLife = 3 // seconds

// ErrUsage is returned for text that is no report of busy clients.
var ErrUsage = errors.New("not a report of busy clients")

// encodeUses writes a report: a number that makes it differ from the one before, and
// clients with their counts.
func encodeUses(number int64, uses []limit.Use) string {
	var b strings.Builder
	b.WriteString(strconv.FormatInt(number, 36))
	for _, u := range uses {
		b.WriteByte(' ')
		b.WriteString(strconv.FormatUint(uint64(u.Client), 36))
		b.WriteByte(':')
		b.WriteString(strconv.FormatUint(uint64(u.Count), 36))
	}
	return b.String()
}

// parseUses reads what encodeUses wrote.
func parseUses(text string) (number int64, uses []limit.Use, err error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > limit.Reported+1 {
		return 0, nil, ErrUsage
	}
	if number, err = strconv.ParseInt(words[0], 36, 64); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	for _, w := range words[1:] {
		client, count, _ := strings.Cut(w, ":")
		c, err1 := strconv.ParseUint(client, 36, 64)
		n, err2 := strconv.ParseUint(count, 36, 32)
		if err := errors.Join(err1, err2); err != nil {
			return 0, nil, fmt.Errorf("%w: %w", ErrUsage, err)
		}
		uses = append(uses, limit.Use{Client: limit.Key(c), Count: uint32(n)})
	}
	return number, uses, nil
}
