package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"pingd/kv/client"
)

const (
	replaceLook = 300 * time.Millisecond // between looks at the new node
	replaceTell = 5 * time.Second        // between lines that say what is waited for
)

// errNotThere says what a member that is to take another one's place lacks.
var errNotThere = errors.New("is not ready")

// replace takes old out of the cluster once by votes, so that the cluster is never
// weaker than it was. It waits for that until ctx ends.
func replace(ctx context.Context, c cluster, old, by string, stdout io.Writer) error {
	told := time.Time{}
	for {
		members, err := c.Members(ctx)
		if err == nil {
			err = canReplace(members, old, by)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errNotThere) && !errors.Is(err, client.ErrUnavailable) {
			return err
		}
		if time.Since(told) > replaceTell {
			told = time.Now()
			fmt.Fprintf(stdout, "waiting: %v\n", err)
		}
		select {
		case <-time.After(replaceLook):
		case <-ctx.Done():
			return fmt.Errorf("replace %s: %w", old, err)
		}
	}
	try, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := c.Remove(try, old); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s has taken the place of %s\n", by, old)
	return nil
}

// canReplace returns nil when old may go, errNotThere while by lacks something.
func canReplace(members []client.Member, old, by string) error {
	find := func(name string) int {
		return slices.IndexFunc(members, func(m client.Member) bool { return m.Name == name })
	}
	if find(old) < 0 {
		return fmt.Errorf("replace %s: no such member\nhint: pingd members lists the names", old)
	}
	i := find(by)
	switch {
	case i < 0:
		return fmt.Errorf("%s %w: it has not joined yet; start it on its machine with --name=%s and --join", by, errNotThere, by)
	case !members[i].Alive:
		return fmt.Errorf("%s %w: it does not answer", by, errNotThere)
	case !members[i].Voter:
		return fmt.Errorf("%s %w: it is being sent the data", by, errNotThere)
	}
	return nil
}
