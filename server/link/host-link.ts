import { encodeControl, maxLanes, parseWorkerControl } from '../../runtime/link/control';
import type {
  HostControl,
  LinkFacts,
  TransportChoice,
  WorkerControl,
} from '../../runtime/link/control';
import { Link, type Lane, type LaneHandlers } from '../../runtime/link/link';
import { ProbeSender } from '../../runtime/link/probe';
import { encodeRecord, type LinkRecord } from '../../runtime/link/record';
import { ProtocolError } from '../../runtime/protocol/error';
import type { Place } from '../../runtime/protocol/flow';
import { byteLength, joined, type SendablePieces } from '../../runtime/protocol/pieces';
import type { RememberedChoices } from './remembered-choices';
import type { ChannelHandlers, WorkerChannel } from './worker-channel';

/** The worker measures for a second or two; one that says nothing works over its first lane. */
const settleLimitMs = 5_000;
/** One that has come for nothing else gets its time, over a slow link too. */
const measureLimitMs = 30_000;
/** A WebSocket, or one request each way: what a worker needs to say hello. */
const maxLanesBeforeHello = 3;
/** A choice that was remembered, and whose link ended within this time, may have been to blame. */
const proofMs = 60_000;

/** What a link takes from the server that it belongs to. */
export interface HostLinkOptions {
  readonly choice: TransportChoice;
  readonly remembered: RememberedChoices;
  /** The addresses that it goes between, as one text. */
  readonly route: string;
  readonly onEnd: () => void;
}

/** The host's end of a link: takes lanes and does what the worker says about them. */
export class HostLink implements WorkerChannel {
  /** What carries each direction now. */
  facts: LinkFacts | undefined;
  readonly #link: Link;
  readonly #options: HostLinkOptions;
  #handlers: ChannelHandlers | undefined;
  /** The worker's hello was good. */
  #isTrusted = false;
  #settled: () => void = () => undefined;
  #forget: () => void = () => undefined;
  #run: { number: number; sender: ProbeSender; down: Lane[] } | undefined;

  constructor(options: HostLinkOptions) {
    this.#options = options;
    this.#link = new Link({
      receive: (message) => this.#handlers?.receive(message),
      // Nobody takes memory before saying who it is.
      place: (start) => (this.#isTrusted ? this.#handlers?.place(start) : undefined),
      note: (lane, record) => this.#note(lane, record),
      closed: (error) => {
        this.#ended();
        this.#settled();
        this.#handlers?.closed(error);
      },
    });
  }

  listen(handlers: ChannelHandlers): void {
    this.#handlers = handlers;
  }

  /**
   * Takes what the worker opened, if there is not one of this name. Throws ProtocolError for that,
   * and for more lanes than a link may have, before anything is made.
   */
  add(name: string, create: (handlers: LaneHandlers) => Lane): void {
    this.#link.expectNew(name);
    const limit = this.#isTrusted ? maxLanes : maxLanesBeforeHello;
    if (this.#link.lanes.length >= limit) {
      throw new ProtocolError('unexpected', `link: expected at most ${limit} lanes, got one more`);
    }
    const lane = create({
      take: (from, record) => this.#link.take(from, record),
      place: (start, sequence) => this.#link.place(start, sequence),
      drained: () => this.#handlers?.drained(),
      lost: (from, error, wasClosed) => {
        if (error instanceof ProtocolError) this.#link.fail(error);
        else this.#link.lost(from, error.message, wasClosed);
      },
    });
    this.#link.add(lane);
    // The first record down says that it comes through, where the worker need not say so first.
    if (lane.name === 'get' || lane.name === 'stream') this.#say({ type: 'opened' }, lane);
  }

  /** Where the payload of a frame is to be put that a request begins to bring. */
  place(start: Uint8Array, sequence: number): Place | undefined {
    return this.#link.place(start, sequence);
  }

  /** Takes a record from the body of a request. */
  take(lane: Lane, record: LinkRecord): void {
    this.#link.take(lane, record);
  }

  /** Ends the link for what came over a request. */
  fail(error: Error): void {
    this.#link.fail(error);
  }

  async settle(device?: string): Promise<LinkFacts | undefined> {
    if (device === undefined) {
      await this.#measure('auto', measureLimitMs);
      return this.facts;
    }
    const { choice: transport, remembered, route } = this.#options;
    const key = `${device} ${route}`;
    const known = transport === 'auto' ? remembered.find(key) : undefined;
    await this.#measure(transport, settleLimitMs, known);
    if (known) {
      const since = Date.now();
      this.#forget = () => {
        if (Date.now() - since < proofMs) remembered.forget(key);
      };
    } else if (transport === 'auto' && this.facts?.downBytesPerSecond !== undefined) {
      remembered.keep(key, this.facts);
    }
    return this.facts;
  }

  /** Resolves when the worker has measured, or after so many ms. */
  #measure(transport: TransportChoice, limitMs: number, known?: LinkFacts): Promise<void> {
    this.#isTrusted = true;
    this.#say({ type: 'measure', transport, ...(known && { known }) });
    return new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#settled(), limitMs).unref();
      this.#settled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  sendText(message: string): void {
    this.#link.sendText(message);
  }

  sendBinary(message: SendablePieces, sent: () => void): void {
    this.#link.sendBinary(message, sent);
  }

  bufferedAmount(): number {
    return this.#link.bufferedAmount();
  }

  close(code: number, reason: string): void {
    this.#link.close(code, reason);
    this.#ended();
  }

  #ended(): void {
    this.#forget();
    this.#options.onEnd();
  }

  #note(lane: Lane, { kind, sequence, body }: LinkRecord): void {
    if (kind === 'probe') {
      this.#expectTrust('a probe');
      // On another lane it may come before the word that the run begins.
      const back = sequence === this.#run?.number ? this.#run.down[0] : undefined;
      this.#say({ type: 'took', run: sequence, bytes: byteLength(body) }, back);
      return;
    }
    const message = parseWorkerControl(joined(body));
    switch (message.type) {
      case 'open':
        if (lane.name !== 'post') this.#say({ type: 'opened' }, lane);
        break;
      case 'use':
        this.#link.use(message.down, message.up);
        this.facts = message.facts;
        break;
      case 'measured':
        this.#settled();
        break;
      default:
        this.#expectTrust(message.type);
        this.#takeProbing(message);
    }
  }

  #takeProbing(message: Extract<WorkerControl, { run: number }>): void {
    const { run: number } = message;
    if (message.type === 'probe') {
      this.#run?.sender.stop();
      const down = this.#link.find(message.down);
      const sender = new ProbeSender(number, down);
      this.#run = { number, sender, down };
      sender.start();
      return;
    }
    if (this.#run?.number !== number) return;
    const { sender, down } = this.#run;
    if (message.type === 'took') sender.took(message.bytes);
    else {
      sender.stop();
      for (const lane of down) this.#say({ type: 'probe-stopped', run: number }, lane);
    }
  }

  #expectTrust(what: string): void {
    if (this.#isTrusted) return;
    throw new ProtocolError('unexpected', `link: expected hello first, got ${what}`);
  }

  #say(message: HostControl, lane?: Lane): void {
    const record = encodeRecord({ kind: 'control', sequence: 0, body: [encodeControl(message)] });
    if (lane) lane.send(record);
    else this.#link.sendNote(record);
  }
}
