// The simplest real work of Node.js's libraries: works.mjs LIBRARY HOST PORT. Prints "works".
import assert from "node:assert";
import { createRequire } from "node:module";

const require = createRequire(process.env.LIBRARIES + "/node_modules/");
const [library, host, port] = process.argv.slice(2);

async function nodeRedis() {
  const client = require("redis").createClient({ socket: { host, port: Number(port) } });
  return client.connect();
}

function ioredis() {
  return new (require("ioredis").Redis)({ host, port: Number(port) });
}

const works = {
  async "node-redis"() {
    const client = await nodeRedis();
    await client.set("node:a", "1", { EX: 100 });
    assert.deepEqual(await client.multi().incr("node:a").get("node:a").exec(), [2, "2"]);
    client.destroy();
  },
  async ioredis() {
    const client = ioredis();
    await client.setex("io:a", 100, "1");
    const replies = await client.multi().incr("io:a").get("io:a").exec();
    assert.deepEqual(replies, [[null, 2], [null, "2"]]);
    client.disconnect();
  },
  async "connect-redis"() {
    const client = await nodeRedis();
    const module = require("connect-redis");
    const store = new (module.RedisStore ?? module.default)({ client });
    await store.set("works", { cookie: { maxAge: 60000 }, user: "u" });
    assert.equal((await store.get("works")).user, "u");
    await store.touch("works", { cookie: { maxAge: 90000 } });
    await store.destroy("works");
    assert.equal((await store.get("works")) ?? null, null);
    client.destroy();
  },
  async keyv() {
    const { default: Keyv } = require("keyv");
    const { default: KeyvRedis } = require("@keyv/redis");
    const keyv = new Keyv(new KeyvRedis(`redis://${host}:${port}`));
    await keyv.set("a", { x: 1 }, 60000);
    assert.deepEqual(await keyv.get("a"), { x: 1 });
    await keyv.setMany([{ key: "b", value: 1 }, { key: "c", value: 2 }]);
    assert.deepEqual(await keyv.getMany(["b", "c", "d"]), [1, 2, undefined]);
    assert.equal(await keyv.delete("a"), true);
    await keyv.disconnect();
  },
  async redlock() {
    const Redlock = require("redlock");
    const client = ioredis();
    const redlock = new Redlock([client], { retryCount: 0 });
    let lock = await redlock.lock("node:lock", 30000);
    await assert.rejects(redlock.lock("node:lock", 30000));
    lock = await lock.extend(20000);
    await lock.unlock();
    client.disconnect();
  },
  async "rate-limiter-flexible"() {
    const { RateLimiterRedis } = require("rate-limiter-flexible");
    const client = ioredis();
    const limiter = new RateLimiterRedis({ storeClient: client, points: 2, duration: 60 });
    await limiter.delete("works");
    await limiter.consume("works");
    await limiter.consume("works");
    await assert.rejects(limiter.consume("works"));
    client.disconnect();
  },
  async "rate-limit-redis"() {
    const { RedisStore } = require("rate-limit-redis");
    const client = await nodeRedis();
    const store = new RedisStore({ sendCommand: (...args) => client.sendCommand(args) });
    await store.init({ windowMs: 60000 });
    await store.resetKey("works");
    assert.equal((await store.increment("works")).totalHits, 1);
    assert.equal((await store.increment("works")).totalHits, 2);
    client.destroy();
  },
};

await works[library]();
console.log("works");
process.exit(0);
