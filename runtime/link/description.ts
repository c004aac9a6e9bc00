import type { LinkFacts, Transport } from './control';

const names: Readonly<Record<Transport, string>> = {
  websocket: 'a WebSocket',
  websockets: 'several WebSockets',
  https: 'HTTPS requests',
  stream: 'a stream of records',
};

/** `HTTPS requests down at 210 MB/s, a WebSocket up at 55 MB/s`; without rates before measuring. */
export function describeTransport(facts: LinkFacts): string {
  const { down, up, downBytesPerSecond, upBytesPerSecond } = facts;
  const downRate = rate(downBytesPerSecond);
  const upRate = rate(upBytesPerSecond);
  if (down !== up) return `${names[down]} down${downRate}, ${names[up]} up${upRate}`;
  return downRate ? `${names[down]}: down${downRate}, up${upRate}` : names[down];
}

function rate(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return '';
  const megabytes = bytesPerSecond / 1e6;
  return ` at ${megabytes >= 10 ? megabytes.toFixed(0) : megabytes.toFixed(1)} MB/s`;
}
