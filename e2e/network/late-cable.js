// A cable with latency, for kernels without netem: node late-cable.js ADDRESS PORT HOST-PORT MS
// passes each byte on, both ways, MS milliseconds after it came.
import { connect, createServer } from 'node:net';

const [address, port, hostPort, ms] = process.argv.slice(2);

function carry(from, to) {
  from.on('data', (data) => setTimeout(() => to.write(data), Number(ms)));
  from.on('end', () => setTimeout(() => to.end(), Number(ms)));
  from.on('error', () => to.destroy());
  from.on('close', () => setTimeout(() => to.destroy(), Number(ms)));
}

createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  const other = connect({ port: Number(hostPort), host: address, noDelay: true });
  carry(socket, other);
  carry(other, socket);
}).listen(Number(port), address, () => process.stderr.write('ready\n'));
