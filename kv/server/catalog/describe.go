package catalog

import "pingd/kv/engine"

func (e *Entry) keys() (first, last, step int) {
	switch {
	case e.Spec != nil:
		return e.Spec.FirstKey, e.Spec.LastKey, e.Spec.KeyStep
	case e.Name == "watch":
		return 1, -1, 1
	}
	return 0, 0, 0
}

// groupCategory names the ACL category of a documentation group.
func groupCategory(group string) string {
	switch group {
	case "generic":
		return "keyspace"
	case "sorted-set":
		return "sortedset"
	}
	return group
}

// findKeys returns the keys among the words of a call.
func (e *Entry) findKeys(args [][]byte) [][]byte {
	first, last, step := e.keys()
	if first == 0 || step == 0 {
		return nil
	}
	if last < 0 {
		last += len(args)
	}
	var keys [][]byte
	for i := first; i <= last && i < len(args); i += step {
		keys = append(keys, args[i])
	}
	return keys
}

// words are COMMAND's flags.
func (e *Entry) words() []string {
	var w []string
	add := func(yes bool, word string) {
		if yes {
			w = append(w, word)
		}
	}
	add(e.Flags&Write != 0, "write")
	if e.Spec != nil {
		add(e.Flags&Write == 0, "readonly")
		add(e.Spec.Flags&engine.DenyOOM != 0, "denyoom")
		add(e.Spec.Flags&engine.Fast != 0, "fast")
		return w
	}
	add(e.Flags&Admin != 0, "admin")
	add(e.Flags&PubSub != 0, "pubsub")
	add(true, "noscript")
	add(true, "loading")
	add(true, "stale")
	add(e.Flags&AtOnce != 0, "fast")
	add(e.Flags&NoAuth != 0, "no_auth")
	add(e.Flags&NoMulti != 0, "no_multi")
	return w
}

// categories are COMMAND's ACL categories.
func (e *Entry) categories() []string {
	var cats []string
	add := func(yes bool, cat string) {
		if yes {
			cats = append(cats, "@"+cat)
		}
	}
	speed := "slow"
	switch {
	case e.Spec != nil:
		add(e.Flags&Write != 0, "write")
		add(e.Flags&Write == 0, "read")
		add(true, groupCategory(e.Spec.Group))
		for _, cat := range e.Spec.ACL {
			add(true, cat)
		}
		if e.Spec.Flags&engine.Fast != 0 {
			speed = "fast"
		}
	default:
		add(e.Flags&Admin != 0, "admin")
		add(e.Flags&Admin != 0, "dangerous")
		add(e.Flags&PubSub != 0, "pubsub")
		add(e.Group == "connection", "connection")
		add(e.Group == "transactions", "transaction")
		if e.Flags&AtOnce != 0 {
			speed = "fast"
		}
	}
	add(true, speed)
	return cats
}
