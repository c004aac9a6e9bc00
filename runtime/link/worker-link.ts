import { ConnectionClosedError } from '../protocol/connection';
import { ProtocolError } from '../protocol/error';
import type { PlaceFrame } from '../protocol/flow';
import { maxPayloadBytes } from '../protocol/frame';
import { byteLength, joined, type Pieces } from '../protocol/pieces';
import { fastest, isOpen, lanesOf, pairsOf, webSocketNames } from './choice';
import type { Measured, Pair } from './choice';
import { encodeControl, parseHostControl } from './control';
import type { LinkFacts, Transport, TransportChoice, WorkerControl } from './control';
import { RequestLane, ResponseLane } from './https-lanes';
import { Link, type Lane, type LaneHandlers } from './link';
import { Measurement } from './measurement';
import type { LinkPlatform } from './platform';
import { encodeRecord, type LinkRecord } from './record';
import { WebSocketLane } from './websocket-lane';

/** How long a WebSocket may take before the link goes over requests instead. */
const webSocketLimitMs = 3_000;
const requestLimitMs = 5_000;
/** How long further lanes may take; those that take longer are left out. */
const furtherLimitMs = 700;

export interface WorkerLinkHandlers {
  /** A message of the connection, in order. */
  receive(message: string | Pieces): void;
  readonly place: PlaceFrame;
  /** A lane can take more. */
  drained(): void;
  /** What carries each direction now, and what it moved. */
  chosen(facts: LinkFacts): void;
  /** All ways that were measured, what was chosen among them. */
  measured?(ways: readonly Measured[]): void;
  /** The link can't go on; called once, not for {@link Link.close}. */
  closed(error: Error): void;
}

/** No way to the host works. */
export class HostUnreachableError extends Error {
  override readonly name = 'HostUnreachableError';
}

/** The worker's end of a link: opens the lanes, measures when the host asks for it, and chooses. */
export class WorkerLink {
  readonly link: Link;
  /** `https://host:port`, without a path. */
  readonly #origin: string;
  readonly #platform: LinkPlatform;
  readonly #handlers: WorkerLinkHandlers;
  readonly #id: string;
  readonly #measurement: Measurement;
  #firstLanes: ReadonlySet<string> = new Set();
  /** Lanes on which the host has answered. */
  readonly #opened = new Set<string>();
  /** Who waits for a lane to open or to fail, by its name. */
  readonly #openers = new Map<string, (error?: Error) => void>();

  constructor(origin: string, platform: LinkPlatform, handlers: WorkerLinkHandlers) {
    this.#origin = origin;
    this.#platform = platform;
    this.#handlers = handlers;
    this.#id = platform.randomId();
    this.link = new Link(
      {
        receive: (message) => handlers.receive(message),
        place: (start) => handlers.place(start),
        note: (lane, record) => this.#note(lane, record),
        closed: (error) => handlers.closed(error),
      },
      // A tensor in one piece is used where the host's socket put it.
      maxPayloadBytes,
    );
    this.#measurement = new Measurement(this.link, platform);
  }

  /**
   * Opens the first way that works: a WebSocket, or else requests. What is sent before waits.
   * Throws {@link HostUnreachableError} where none does.
   */
  async open(): Promise<void> {
    try {
      await this.#openWebSocket('ws-0', webSocketLimitMs);
      this.#begin('websocket');
    } catch (error) {
      const why = messageOf(error);
      if (!this.link.isOpen) throw new HostUnreachableError(why);
      if (!this.#platform.request) throw new HostUnreachableError(`no WebSocket: ${why}`);
      await this.#openRequests(requestLimitMs).catch((second: unknown) => {
        this.link.close(1000, 'no way to the host works');
        throw new HostUnreachableError(`no WebSocket: ${why}; no request: ${messageOf(second)}`);
      });
      this.#begin('https');
    }
  }

  #begin(way: Transport): void {
    const pair = { down: way, up: way };
    this.#firstLanes = lanesOfPair(pair);
    this.#use(pair);
  }

  async #choose(choice: TransportChoice, known: LinkFacts | undefined): Promise<void> {
    const asked = choice === 'auto' ? this.#platform.fastest : choice;
    const taken = known ?? (asked && { down: asked, up: asked });
    // What was fastest before, or is asked for, is taken as it is.
    const best = (taken && (await this.#reopen(taken))) ?? (await this.#measure());
    if (!best || !this.link.isOpen) return;
    this.#use(best);
    this.#say({ type: 'measured' });
    this.#dropIdleLanes(best);
  }

  /** The same, where its lanes open. */
  async #reopen(facts: LinkFacts): Promise<LinkFacts | undefined> {
    await this.#openFurther(lanesOfPair(facts));
    return isOpen(facts, this.#opened) ? facts : undefined;
  }

  async #measure(): Promise<LinkFacts | undefined> {
    await this.#openFurther(new Set([...webSocketNames, 'get', 'post', 'stream']));
    if (!this.link.isOpen) return undefined;
    const pairs = pairsOf(this.#opened);
    const measured = await this.#measurement.measure(pairs);
    this.#handlers.measured?.(measured);
    return fastest(measured) ?? pairs[0];
  }

  /** Opens these lanes as far as they are not, and can be. */
  async #openFurther(names: ReadonlySet<string>): Promise<void> {
    const missing = [...names].filter((name) => !this.#opened.has(name));
    const tries: Promise<void>[] = [];
    for (const name of this.#opened.has('ws-0') ? webSocketNames : []) {
      if (missing.includes(name)) tries.push(this.#openWebSocket(name, furtherLimitMs));
    }
    if (missing.includes('get') || missing.includes('post')) {
      tries.push(this.#openRequests(furtherLimitMs));
    }
    if (missing.includes('stream')) tries.push(this.#openStream(furtherLimitMs));
    await Promise.allSettled(tries);
  }

  /** Tells the host which lanes are used from now on, and uses them. */
  #use(facts: LinkFacts): void {
    if (!this.link.isOpen) return;
    const down = lanesOf(facts.down, 'down');
    const up = lanesOf(facts.up, 'up');
    this.link.use(up, down);
    this.#say({ type: 'use', down: [...down], up: [...up], facts });
    this.#handlers.chosen(facts);
  }

  /** Those that the link began with stay: what was sent on them may still be on the way. */
  #dropIdleLanes(pair: Pair): void {
    const kept = new Set([...lanesOfPair(pair), ...this.#firstLanes]);
    for (const lane of this.link.lanes) if (!kept.has(lane.name)) this.link.drop(lane);
  }

  #note(lane: Lane, { kind, sequence, body }: LinkRecord): void {
    if (kind === 'probe') {
      this.#measurement.takeProbe(sequence, byteLength(body));
      return;
    }
    const message = parseHostControl(joined(body));
    if (message.type === 'opened') {
      this.#opened.add(lane.name);
      this.#openers.get(lane.name)?.();
    } else if (message.type === 'measure') {
      this.#choose(message.transport, message.known).catch((error: unknown) => {
        this.link.fail(error instanceof Error ? error : new Error(String(error)));
      });
    } else this.#measurement.take(message, lane);
  }

  #openWebSocket(name: string, limitMs: number): Promise<void> {
    const url = this.#origin.replace(/^http/, 'ws');
    const socket = this.#platform.webSocket(`${url}/worker?link=${this.#id}&lane=${name}`);
    return this.#opening(name, limitMs, (handlers) => {
      const lane = new WebSocketLane(name, socket, this.#platform, handlers);
      socket.addEventListener('open', () => this.#say({ type: 'open' }, lane));
      return lane;
    });
  }

  /** The host says that it comes through as soon as it is there. */
  async #openStream(limitMs: number): Promise<void> {
    const { stream } = this.#platform;
    if (!stream) throw new ConnectionClosedError('there are no streams here');
    const url = `${this.#origin}/worker?link=${this.#id}&lane=stream`;
    await this.#opening('stream', limitMs, await stream(url, limitMs));
  }

  async #openRequests(limitMs: number): Promise<void> {
    const { request } = this.#platform;
    if (!request) throw new ConnectionClosedError('there are WebSockets alone here');
    const url = `${this.#origin}/api/link/${this.#id}`;
    await this.#opening('get', limitMs, (handlers) => {
      return new ResponseLane(`${url}/get`, this.#platform, request, handlers);
    });
    await this.#opening('post', limitMs, (handlers) => {
      const lane = new RequestLane(`${url}/post`, this.#platform, request, handlers);
      // Its first request is answered: what goes up comes through.
      lane.onDrained = () => {
        if (!this.#opened.has('post') && lane.bufferedAmount() === 0) {
          this.#opened.add('post');
          this.#openers.get('post')?.();
        }
        this.#handlers.drained();
      };
      this.#say({ type: 'open' }, lane);
      return lane;
    });
  }

  /** Resolves when the host has answered on the lane; otherwise the lane is given up. */
  #opening(name: string, limitMs: number, open: (handlers: LaneHandlers) => Lane): Promise<void> {
    return new Promise((resolve, reject) => {
      const lane = open({
        take: (from, record) => this.link.take(from, record),
        place: (start, sequence) => this.link.place(start, sequence),
        lost: (from, error, wasClosed) => {
          this.#opened.delete(name);
          if (error instanceof ProtocolError) this.link.fail(error);
          else this.link.lost(from, error.message, wasClosed);
          this.#openers.get(name)?.(error);
        },
        drained: () => this.#handlers.drained(),
      });
      this.link.add(lane);
      const settle = (error?: Error): void => {
        if (!this.#openers.delete(name)) return;
        if (!error) resolve();
        else {
          this.link.drop(lane);
          reject(error);
        }
      };
      this.#openers.set(name, settle);
      this.#platform.after(limitMs, () => {
        settle(new ConnectionClosedError(`no answer within ${limitMs / 1000} s`));
      });
    });
  }

  #say(message: WorkerControl, lane?: Lane): void {
    const record = encodeRecord({ kind: 'control', sequence: 0, body: [encodeControl(message)] });
    if (lane) lane.send(record);
    else this.link.sendNote(record);
  }
}

function lanesOfPair({ down, up }: Pair): Set<string> {
  return new Set([...lanesOf(down, 'down'), ...lanesOf(up, 'up')]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
