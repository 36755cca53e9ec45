// ioredis with Sentinel: how an application uses pingd, and what the tests run.
//
//   node ioredis.mjs features|count SENTINELS MASTER PASSWORD KEY
//
// SENTINELS is host:port,host:port,...; an empty PASSWORD means none.
import assert from "node:assert/strict";
import { load, run } from "./run.mjs";

const [mode, list, name, password, key] = process.argv.slice(2);
const module = process.env.LIBRARY ?? "ioredis";
const { Redis, version } = await load(module);
const sentinels = list.split(",").map((a) => {
  const i = a.lastIndexOf(":");
  return { host: a.slice(0, i), port: Number(a.slice(i + 1)) };
});

// What an application does: name the Sentinels and the cluster, nothing else. Leave
// failoverDetector off: the old leader closes its connections by itself, and a
// detector that hears of the new one while ioredis connects ends the client for good.
function connect(more = {}) {
  const redis = new Redis({
    sentinels,
    name,
    password: password || undefined,
    sentinelPassword: password || undefined,
    ...more,
  });
  redis.on("error", () => {}); // each command tells its own
  return redis;
}

const master = connect();
const replica = connect({ role: "slave" });

await run(mode, {
  library: `${module} ${version}`,
  increment: () => master.incr(key),
  end: () => [master, replica].forEach((c) => c.disconnect()),
  features: {
    async discovery() {
      assert.equal((await master.role())[0], "master");
      assert.equal((await replica.role())[0], "slave");
    },
    async write_and_read() {
      assert.equal(await master.set(key, "v", "EX", 60), "OK");
      assert.equal(await master.get(key), "v");
      await master.hset(`${key}:h`, { a: 1, b: 2 });
      assert.deepEqual(await master.hgetall(`${key}:h`), { a: "1", b: "2" });
    },
    // A replica answers with what was written just now: reads are linearizable.
    async replica_read() {
      for (let i = 0; i < 20; i++) {
        await master.set(key, i);
        assert.equal(await replica.get(key), String(i));
      }
    },
    async pipeline() {
      const p = master.pipeline();
      for (let i = 0; i < 1000; i++) p.incr(`${key}:p`);
      assert.deepEqual((await p.exec()).at(-1), [null, 1000]);
      await master.del(`${key}:p`);
    },
    async multi() {
      assert.deepEqual(await master.multi().set(key, 1).incr(key).get(key).exec(), [[null, "OK"], [null, 2], [null, "2"]]);
    },
    async watch_conflict() {
      const own = connect();
      await own.watch(key);
      await master.set(key, "other");
      assert.equal(await own.multi().set(key, "mine").exec(), null);
      own.disconnect();
    },
    // A message published at the master reaches who listens at a replica, too.
    async pubsub() {
      for (const [channel, listener] of [[`${key}:m`, connect()], [`${key}:r`, connect({ role: "slave" })]]) {
        const got = new Promise((resolve) => listener.on("message", (_, m) => resolve(m)));
        await listener.subscribe(channel);
        assert.equal(await master.publish(channel, "hello"), 1);
        assert.equal(await got, "hello");
        listener.disconnect();
      }
    },
    async scan() {
      await master.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${key}:s${i}`, i])));
      const found = new Set();
      for await (const keys of master.scanStream({ match: `${key}:s*`, count: 100 })) keys.forEach((k) => found.add(k));
      assert.equal(found.size, 500);
    },
    async wrong_password() {
      if (!password) return;
      // Without a reconnect the first refusal is the answer.
      const stranger = connect({ password: "wrong", retryStrategy: null, maxRetriesPerRequest: 0 });
      await assert.rejects(stranger.get(key), /WRONGPASS|NOAUTH|closed/);
      stranger.disconnect();
    },
  },
});
