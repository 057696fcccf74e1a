// Drives the gateway"s Toxiproxy API by an unmodified client library, with real connections through
// the proxies that it makes. Usage: node toxiproxy.mjs http://HOST:PORT
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import toxiproxyClient from "toxiproxy-node-client";

const { Toxiproxy } = toxiproxyClient;
const toxiproxy = new Toxiproxy(process.argv[2]);

const echo = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
});
echo.listen(0, "127.0.0.1");
await once(echo, "listening");
const upstream = `127.0.0.1:${echo.address().port}`;

/** Sends `text` and gives what comes back, up to its length or the end of the connection. */
function ask(listen, text) {
  const [host, port] = listen.split(":");
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port }, () => socket.write(text));
    let got = "";
    socket.on("data", (bytes) => {
      got += bytes;
      if (got.length >= text.length) socket.end();
    });
    socket.on("end", () => resolve(got));
    socket.on("close", () => resolve(got));
    socket.on("error", reject);
  });
}

const took = async (listen, text) => {
  const began = performance.now();
  assert.equal(await ask(listen, text), text);
  return performance.now() - began;
};

assert.match(await toxiproxy.getVersion(), /\d+\.\d+/);
const proxy = await toxiproxy.createProxy({ name: "echo", listen: "127.0.0.1:0", upstream });
const { listen } = await toxiproxy.get("echo");
assert.equal(await ask(listen, "hello"), "hello");
await assert.rejects(toxiproxy.createProxy({ name: "echo", listen: "127.0.0.1:0", upstream }));

const toxics = [
  ["latency", { latency: 120, jitter: 10 }],
  ["bandwidth", { rate: 1_000 }],
  ["slow_close", { delay: 20 }],
  ["timeout", { timeout: 60_000 }],
  ["slicer", { average_size: 2, size_variation: 1, delay: 10 }],
  ["limit_data", { bytes: 1_000_000 }],
  ["reset_peer", { timeout: 60_000 }],
];
for (const [type, attributes] of toxics) {
  const stream = type === "reset_peer" ? "upstream" : "downstream";
  const made = await proxy.addToxic({ name: type, type, stream, toxicity: 1, attributes });
  assert.deepEqual([made.name, made.type, made.stream], [type, type, stream]);
  assert.equal(made.toxicity, 1);
  for (const [name, value] of Object.entries(attributes)) assert.equal(made.attributes[name], value);
  if (type === "latency") assert.ok((await took(listen, "slow")) >= 105);
  const same = await proxy.getToxic(type);
  assert.deepEqual(same.toJson(), made.toJson());
  const half = await same.update({ ...same.toJson(), toxicity: 0.5 });
  assert.equal(half.toxicity, 0.5);
  await half.remove();
  await assert.rejects(proxy.getToxic(type));
}
assert.equal(await ask(listen, "still there"), "still there");

await proxy.addToxic({ name: "cut", type: "limit_data", stream: "downstream", toxicity: 1, attributes: { bytes: 3 } });
assert.equal(await ask(listen, "hello"), "hel");
assert.equal((await proxy.getToxic("cut")).attributes.bytes, 3);

await proxy.update({ enabled: false, listen, upstream });
await assert.rejects(ask(listen, "nobody listens"), { code: "ECONNREFUSED" });
await toxiproxy.reset();
assert.equal(await ask(listen, "hello"), "hello");

const populated = await toxiproxy.populate([
  { name: "echo", listen, upstream },
  { name: "second", listen: "127.0.0.1:0", upstream },
]);
assert.deepEqual(Object.keys(populated).sort(), ["echo", "second"]);
assert.equal(await ask((await toxiproxy.get("second")).listen, "hello"), "hello");
for (const one of Object.values(await toxiproxy.getAll())) await one.remove();
assert.deepEqual(await toxiproxy.getAll(), {});

echo.close();
console.log("conforms");
