import type { TransportChoice } from '../../../runtime/link/control';

/** `echo` is a bare WebSocket, all others the real path: link, chunks, credit, tensors. */
export type Contestant = 'echo' | TransportChoice;

/** What a page can open. */
export const contestants: readonly Contestant[] = [
  'echo',
  'websocket',
  'websockets',
  'https',
  'auto',
];

/** Bytes a second that arrived while both directions were full. */
export interface Rates {
  readonly contestant: Contestant;
  readonly down: number;
  readonly up: number;
  /** What `auto` chose. */
  readonly chose?: string;
}

/** ResNet-34's activation behind layer2, 16 pictures of 224 x 224: what a common cut moves. */
export const tensorShape = [16, 128, 28, 28] as const;
