package call

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

	// Client is that of the Command, if this node was its origin; else 0.
	Client uint64
}

// Notify notes a change in the current database.
func (c *Call) Notify(class EventClass, name string, key []byte) {
	c.NotifyIn(c.DB, class, name, key)
}

// NotifyIn notes a change.
func (c *Call) NotifyIn(db uint8, class EventClass, name string, key []byte) {
	if c.Events != nil {
		*c.Events = append(*c.Events, Event{DB: db, Class: class, Name: name, Key: key, Client: c.Client})
	}
}
