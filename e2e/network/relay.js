// Passes each byte on, both ways, MS milliseconds after it came: node relay.js FROM TO [MS]
// where each end is ADDRESS:PORT or the path of a socket, which leads from one network namespace
// to another. The delay is a cable's latency, for kernels without netem.
import { connect, createServer } from 'node:net';

const [from, to, ms = '0'] = process.argv.slice(2);

function endOf(text) {
  const [host, port] = text.split(':');
  return port === undefined ? { path: text } : { host, port: Number(port) };
}

function carry(source, target) {
  source.on('data', (data) => setTimeout(() => target.write(data), Number(ms)));
  source.on('end', () => setTimeout(() => target.end(), Number(ms)));
  source.on('error', () => target.destroy());
  source.on('close', () => setTimeout(() => target.destroy(), Number(ms)));
}

createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  const other = connect({ ...endOf(to), allowHalfOpen: true, noDelay: true });
  carry(socket, other);
  carry(other, socket);
}).listen(endOf(from), () => process.stdout.write('ready\n'));
