// Reads one profile, as deploy/schema/READING.md says. Node 20.15 or newer, no packages: the Redis protocol
// takes forty lines here; a real service uses its Redis client for that part and keeps the rest.
//
//   node read.mjs redis://127.0.0.1:6379 CUSTOMER [MAX_AGE_S]
//   node read.mjs bucket CUSTOMER [BUCKETS]
import net from "node:net";
import { crc32 } from "node:zlib";

const TIMEOUT_MS = 1000;
const LAYOUT = "1"; // of the keys
const SCHEMA = 1; // of the document

export const bucketOf = (id, buckets) => crc32(Buffer.from(id, "utf8")) % buckets;

// A profile, "absent", or why nothing is known. Whatever goes wrong on the way is unknown too: never absent.
export async function read(url, id, maxAgeS) {
  try {
    const [[buckets, layout, epoch]] = await ask(url, [["HMGET", "ps:meta", "buckets", "layout", "epoch"]]);
    if (buckets === null) return { known: null, reason: "no_deployment" };
    if (layout !== LAYOUT) return { known: null, reason: `layout ${layout}` };
    const b = bucketOf(id, Number(buckets));
    const [doc, clock, due, [epochNow]] = await ask(url, [
      ["HGET", `ps:profile:{${b}}:${id}`, "doc"],
      ["HGETALL", "ps:clock"],
      ["ZRANGE", `ps:due:{${b}}`, "0", "0", "WITHSCORES"],
      ["HMGET", "ps:meta", "epoch"], // after the profile: a store emptied in between has nobody at all
    ]);
    if (epochNow !== epoch) return { known: null, reason: "changed" };
    if (clock.length === 0) return { known: null, reason: "no_clock" };
    const reports = clock.filter((_, i) => i % 2); // of each partition: "caught-up flag:epoch ms"
    const applied = reports.map((report) => Number(report.slice(2)));
    const ageS = Math.max(0, Date.now() - Math.min(...applied, ...due.slice(1).map(Number))) / 1000;
    if (!(ageS <= maxAgeS)) return { known: null, reason: "stale", ageS };
    if (doc === null) return { known: false, ageS };
    const profile = JSON.parse(doc);
    if (profile.schema > SCHEMA) return { known: null, reason: "newer_schema" };
    return profile.customer_id === id ? { known: true, ageS, profile } : { known: null, reason: "damaged" };
  } catch (error) {
    return { known: null, reason: error.message };
  }
}

// Replies to commands, in one round trip.
function ask(url, commands) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port || 6379), timeout: TIMEOUT_MS });
    const timer = setTimeout(() => socket.destroy(new Error("timeout")), TIMEOUT_MS); // for all of it
    let bytes = Buffer.alloc(0);
    socket.on("data", (data) => {
      bytes = Buffer.concat([bytes, data]);
      try {
        const replies = [];
        for (let at = 0; replies.length < commands.length; ) {
          const reply = parse(bytes, at);
          if (reply === undefined) return; // the rest is still under way
          replies.push(reply.value);
          at = reply.end;
        }
        resolve(replies);
        socket.end();
      } catch (error) {
        socket.destroy(error);
      }
    });
    socket.on("timeout", () => socket.destroy(new Error("timeout")));
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new Error("cut off")); // does nothing once it is resolved
    });
    socket.write(commands.map(pack).join(""));
  });
}

const pack = (words) =>
  `*${words.length}\r\n` + words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");

// One reply from an offset on: its value and its end, or undefined where it is not complete.
function parse(bytes, at) {
  const line = bytes.indexOf("\r\n", at);
  if (line < 0) return undefined;
  const [kind, text] = [String.fromCharCode(bytes[at]), bytes.toString("utf8", at + 1, line)];
  let end = line + 2;
  if (kind === "-") throw new Error(text.split(" ")[0]);
  if (kind === "+" || kind === ":") return { value: text, end };
  if (text === "-1") return { value: null, end };
  if (kind === "$") {
    const stop = end + Number(text);
    return bytes.length < stop + 2 ? undefined : { value: bytes.toString("utf8", end, stop), end: stop + 2 };
  }
  const value = [];
  for (let left = Number(text); left > 0; left--) {
    const item = parse(bytes, end);
    if (item === undefined) return undefined;
    value.push(item.value);
    end = item.end;
  }
  return { value, end };
}

const [, , first, id, more] = process.argv;
if (first === "bucket") console.log(bucketOf(id, Number(more ?? 64)));
else console.log(JSON.stringify(await read(first, id, Number(more ?? 60))));
