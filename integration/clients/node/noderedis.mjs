// node-redis with Sentinel: how an application uses pingd, and what the tests run.
//
//   node noderedis.mjs features|count SENTINELS MASTER PASSWORD KEY
//
// SENTINELS is host:port,host:port,...; an empty PASSWORD means none.
import assert from "node:assert/strict";
import { load, run } from "./run.mjs";

const [mode, list, name, password, key] = process.argv.slice(2);
const module = process.env.LIBRARY ?? "redis";
const { createSentinel, createClient, version } = await load(module);
const sentinelRootNodes = list.split(",").map((a) => {
  const i = a.lastIndexOf(":");
  return { host: a.slice(0, i), port: Number(a.slice(i + 1)) };
});

// What an application does: name the Sentinels and the cluster, nothing else.
function connect(more = {}, secret = password || undefined) {
  const sentinel = createSentinel({
    name,
    sentinelRootNodes,
    nodeClientOptions: { password: secret },
    sentinelClientOptions: { password: password || undefined },
    replicaPoolSize: 1, // reads go to the replicas
    RESP: 3,
    ...more,
  });
  sentinel.on("error", () => {}); // each command tells its own
  return sentinel.connect();
}

const sentinel = await connect();

await run(mode, {
  library: `${module} ${version}`,
  increment: () => sentinel.incr(key),
  end: () => sentinel.destroy(),
  features: {
    async discovery() {
      const { port } = sentinel.getMasterNode();
      const direct = await createClient({ socket: { host: sentinel.getMasterNode().host, port }, password: password || undefined }).connect();
      assert.equal((await direct.role()).role, "master");
      direct.destroy();
    },
    async write_and_read() {
      assert.equal(await sentinel.set(key, "v", { expiration: { type: "EX", value: 60 } }), "OK");
      assert.equal(await sentinel.get(key), "v");
      await sentinel.hSet(`${key}:h`, { a: 1, b: 2 });
      assert.deepEqual({ ...(await sentinel.hGetAll(`${key}:h`)) }, { a: "1", b: "2" });
    },
    // A replica answers with what was written just now: reads are linearizable.
    async replica_read() {
      for (let i = 0; i < 20; i++) {
        await sentinel.set(key, String(i));
        assert.equal(await sentinel.get(key), String(i));
      }
    },
    async pipeline() {
      const answers = await Promise.all(Array.from({ length: 1000 }, () => sentinel.incr(`${key}:p`)));
      assert.equal(Math.max(...answers), 1000);
      await sentinel.del(`${key}:p`);
    },
    async multi() {
      assert.deepEqual(await sentinel.multi().set(key, "1").incr(key).get(key).exec(), ["OK", 2, "2"]);
    },
    async watch_conflict() {
      const other = await connect(); // use() reserves the one connection to the master
      await sentinel.use(async (own) => {
        await own.watch(key);
        await other.set(key, "other");
        await assert.rejects(own.multi().set(key, "mine").exec(), /watched keys/);
      });
      other.destroy();
    },
    // node-redis publishes to a replica and listens at the master: every node tells
    // every other one.
    async pubsub() {
      let heard;
      const got = new Promise((resolve) => (heard = resolve));
      await sentinel.subscribe(`${key}:c`, heard);
      assert.equal(await sentinel.publish(`${key}:c`, "hello"), 1);
      assert.equal(await got, "hello");
      await sentinel.unsubscribe(`${key}:c`);
    },
    async scan() {
      await sentinel.mSet(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${key}:s${i}`, String(i)])));
      const found = new Set();
      let cursor = "0";
      do {
        const page = await sentinel.scan(cursor, { MATCH: `${key}:s*`, COUNT: 100 });
        page.keys.forEach((k) => found.add(k));
        cursor = page.cursor;
      } while (cursor !== "0");
      assert.equal(found.size, 500);
    },
    // What is read is kept here until another client changes it, at any node.
    async caching() {
      const cached = await connect({ clientSideCache: { ttl: 0, maxEntries: 100, evictPolicy: "LRU" } });
      await sentinel.set(key, "old");
      assert.equal(await cached.get(key), "old");
      await sentinel.set(key, "new");
      for (let i = 0; (await cached.get(key)) !== "new"; i++) {
        assert.ok(i < 500, "the cache is stale");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      cached.destroy();
    },
    async wrong_password() {
      if (!password) return;
      await assert.rejects(
        createClient({ socket: { ...sentinel.getMasterNode(), reconnectStrategy: false }, password: "wrong" }).on("error", () => {}).connect(),
        /WRONGPASS/,
      );
    },
  },
});
