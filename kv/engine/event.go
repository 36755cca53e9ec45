package engine

// EventClass is a class of keyspace events, as the letters of Redis's setting
// notify-keyspace-events name them.
type EventClass uint8

// The classes. Key misses (m) and new keys (n) are not reported.
const (
	ClassGeneric EventClass = 'g' // del, expire, rename_from ...
	ClassString  EventClass = '$'
	ClassList    EventClass = 'l'
	ClassSet     EventClass = 's'
	ClassHash    EventClass = 'h'
	ClassZSet    EventClass = 'z'
	ClassStream  EventClass = 't'
	ClassExpired EventClass = 'x'
	ClassEvicted EventClass = 'e'
)

// Event is one change of the keyspace. Key and Name are as in Redis's keyspace
// notifications; a flush is reported with the name flushall or flushdb and a nil
// Key. Key is valid during the callback only.
type Event struct {
	DB    uint8
	Class EventClass
	Name  string
	Key   []byte
}

// OnEvents sets the function that receives the events of each Apply that has
// any. It runs on the applying goroutine after the lock is released, in the order
// of the log, and must neither block nor keep the slice or the keys in it. Set it
// before the first Apply.
func (e *Engine) OnEvents(fn func([]Event)) { e.onEvents = fn }

func (c *call) notify(class EventClass, name string, key []byte) {
	c.notifyIn(c.db, class, name, key)
}

func (c *call) notifyIn(db uint8, class EventClass, name string, key []byte) {
	if c.e.onEvents != nil {
		c.e.fired = append(c.e.fired, Event{DB: db, Class: class, Name: name, Key: key})
	}
}
