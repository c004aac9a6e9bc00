import type { TransportChoice } from '../../../runtime/link/control';
import type { Measured } from './table';

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

/** What a page measured. */
export interface Rates extends Measured {
  readonly contestant: Contestant;
}

/** ResNet-34's activation behind layer2, 16 pictures of 224 x 224: what a common cut moves. */
export const tensorShape = [16, 128, 28, 28] as const;
