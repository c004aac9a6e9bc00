import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { encodeRecord } from '../../runtime/link/record';
import { byteLength } from '../../runtime/protocol/pieces';
import { StreamLane } from './stream-lane';

const MiB = 1024 * 1024;

/** Both ends of a socket; as an HTTP server's, this end stays open when the other has ended. */
async function pair(): Promise<{ here: Socket; there: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const there = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [here] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    here.destroy();
    there.destroy();
    server.close();
  });
  return { here, there };
}

/** A lane, what it took, and how it ended. */
function lane(socket: Socket): {
  lane: StreamLane;
  sizes: number[];
  ended: Promise<{ message: string; wasClosed: boolean }>;
} {
  const sizes: number[] = [];
  let end: (how: { message: string; wasClosed: boolean }) => void;
  const ended = new Promise<{ message: string; wasClosed: boolean }>((resolve) => (end = resolve));
  const made = new StreamLane(socket, new Uint8Array(), {
    take: (_, { body }) => void sizes.push(byteLength(body)),
    place: () => undefined,
    drained: () => undefined,
    lost: (_, { message }, wasClosed = false) => end({ message, wasClosed }),
  });
  return { lane: made, sizes, ended };
}

const record = (bytes: number) =>
  encodeRecord({ kind: 'frame', sequence: 0, body: [new Uint8Array(bytes)] });

test('what was sent before a close arrives, though the other end is slow', async () => {
  const { here, there } = await pair();
  const near = lane(here);
  const far = lane(there);
  there.pause();
  for (let each = 0; each < 6; each++) near.lane.send(record(4 * MiB));
  near.lane.send(record(5));
  near.lane.close();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  there.resume();
  expect(await far.ended).toEqual({ message: 'its connection closed', wasClosed: true });
  expect(far.sizes).toEqual([...new Array<number>(6).fill(4 * MiB), 5]);
});

test('one that ends and does not read is not kept', async () => {
  const { here, there } = await pair();
  const near = lane(here);
  there.pause();
  near.lane.send(record(4 * MiB));
  near.lane.send(record(4 * MiB));
  there.end();
  expect(await near.ended).toMatchObject({ wasClosed: true });
  if (!here.destroyed) await once(here, 'close');
  expect(here.destroyed).toBe(true);
});

test('a record that is cut is no proper end', async () => {
  const { here, there } = await pair();
  const near = lane(here);
  const [header = new Uint8Array()] = record(100);
  there.end(header);
  expect(await near.ended).toEqual({ message: 'its connection closed', wasClosed: false });
});

test('what is no record ends it with the error of the protocol', async () => {
  const { here, there } = await pair();
  const near = lane(here);
  there.write(new Uint8Array(16));
  expect((await near.ended).message).toContain('record: expected kind 1 to 4, got 0');
});
