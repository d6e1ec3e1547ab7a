// Subscribes with the `ws` client and prints what it sees, a line of JSON each.
//
//     node ws_client.mjs URL
//
// Each line of input is a call of one of the client's methods, such as
// ["close", 1000, "bye"].
import readline from "node:readline";
import WebSocket from "ws";

const client = new WebSocket(process.argv[2]);
const print = (what) => console.log(JSON.stringify(what));
const encode = (data) => data.toString("base64");

client.on("upgrade", (response) => print({ headers: response.headers }));
client.on("message", (data, isBinary) =>
  print({ data: encode(data), isBinary }),
);
client.on("ping", (data) => print({ ping: encode(data) }));
client.on("pong", (data) => print({ pong: encode(data) }));
client.on("error", (error) => print({ error: error.message }));
client.on("close", (code, reason) => {
  print({ code, reason: reason.toString() });
  process.exit(0);
});

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [method, ...parameters] = JSON.parse(line);
  client[method](...parameters);
});
