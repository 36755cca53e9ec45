"""redis-py with Sentinel: how an application uses pingd, and what the tests run.

    redispy.py features SENTINELS MASTER PASSWORD KEY
    redispy.py count    SENTINELS MASTER PASSWORD KEY

SENTINELS is host:port,host:port,...; an empty PASSWORD means none.
"""

import sys
import time

import redis
from redis.sentinel import Sentinel

mode, sentinels, name, password, key = sys.argv[1:6]
password = password or None
addresses = [tuple(a.rsplit(":", 1)) for a in sentinels.split(",")]


def connect(password=password):
    """What an application does: name the Sentinels and the cluster, nothing else."""
    return Sentinel(
        [(host, int(port)) for host, port in addresses],
        socket_timeout=1.0,
        sentinel_kwargs={"password": password, "socket_timeout": 1.0},
        password=password,
    )


sentinel = connect()
master = sentinel.master_for(name)
replica = sentinel.slave_for(name)


def discovery():
    host, port = sentinel.discover_master(name)
    assert master.execute_command("ROLE")[0] == b"master", (host, port)
    assert len(sentinel.discover_slaves(name)) == 2


def write_and_read():
    assert master.set(key, "v", ex=60)
    assert master.get(key) == b"v"
    assert master.hset(key + ":h", mapping={"a": 1, "b": 2}) == 2
    assert master.hgetall(key + ":h") == {b"a": b"1", b"b": b"2"}


def replica_read():
    """A replica answers with what was written just now: reads are linearizable."""
    for i in range(20):
        master.set(key, i)
        assert replica.get(key) == str(i).encode()
    assert replica.execute_command("ROLE")[0] == b"slave"


def pipeline():
    with master.pipeline(transaction=False) as p:
        for i in range(1000):
            p.incr(key + ":p")
        assert p.execute()[-1] == 1000
    master.delete(key + ":p")


def multi():
    with master.pipeline(transaction=True) as p:
        p.set(key, 1)
        p.incr(key)
        p.get(key)
        assert p.execute() == [True, 2, b"2"]


def watch_conflict():
    with master.pipeline() as p:
        p.watch(key)
        other = sentinel.master_for(name)
        other.set(key, "other")
        p.multi()
        p.set(key, "mine")
        try:
            p.execute()
        except redis.WatchError:
            return
    raise AssertionError("the transaction ran although the key had changed")


def pubsub():
    """A message published at the master reaches who listens at a replica, too."""
    for channel, listener in ((key + ":m", master.pubsub()), (key + ":r", replica.pubsub())):
        listener.subscribe(channel)
        assert listener.get_message(timeout=5)["type"] == "subscribe"
        assert master.publish(channel, "hello") == 1
        assert listener.get_message(timeout=5)["data"] == b"hello"
        listener.close()


def scan():
    master.mset({f"{key}:s{i}": i for i in range(500)})
    assert len(set(master.scan_iter(f"{key}:s*", count=100))) == 500


def wrong_password():
    try:
        connect("wrong").master_for(name).ping()
    except redis.ResponseError as e:
        assert "WRONGPASS" in str(e), e
        return
    raise AssertionError("a wrong password was taken")


def features():
    tests = [discovery, write_and_read, replica_read, pipeline, multi, watch_conflict, pubsub, scan]
    if password:
        tests.append(wrong_password)
    for test in tests:
        try:
            test()
            print("ok", test.__name__)
        except Exception as e:
            print("fail", test.__name__, repr(e))
    print("library redis-py", redis.__version__)


def count():
    """Adds 1 every 20 ms until it is told to stop, and says what was acknowledged."""
    print("library redis-py", redis.__version__, flush=True)
    while True:
        at = time.monotonic()
        try:
            print("ack", master.incr(key), flush=True)
        except Exception as e:
            print("err", type(e).__name__, str(e).split(".")[0], flush=True)
        time.sleep(max(0, at + 0.02 - time.monotonic()))


{"features": features, "count": count}[mode]()
