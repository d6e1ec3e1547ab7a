// Subscribes with npm's EventSource and prints what it sees, in lines of JSON.
//
//     node event_source.mjs URL TYPE...
import { EventSource } from "eventsource";

const [url, ...types] = process.argv.slice(2);
const print = (what) => console.log(JSON.stringify(what));
const source = new EventSource(url);

source.onopen = () => print({ open: true });
source.onerror = () => print({ error: source.readyState });
for (const type of ["message", ...types]) {
  source.addEventListener(type, ({ data, lastEventId }) =>
    print({ type, data, id: lastEventId }),
  );
}
