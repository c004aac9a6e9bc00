import type { WorkerStatus } from '../../runtime/worker/status';
import { failures } from './failure';
import { formatBytes, formatPercent, formatRate, fractionOf } from './quantity';
import { describeWarmth } from './warmth';

/** What the page can be in: what its worker says, or what the page itself knows. */
export type PageStatus =
  | WorkerStatus
  /** Waits for the tap without which the browser lets the screen go dark. */
  | { readonly state: 'ready'; readonly host: string }
  /** The engine is being made. */
  | { readonly state: 'starting' }
  /** No host after the last try. */
  | { readonly state: 'given-up'; readonly host: string }
  /** By the person. */
  | { readonly state: 'stopped' }
  /** Another tab of this browser took over. */
  | { readonly state: 'elsewhere' };

/** Everything that the page shows of a status. */
export interface Description {
  /** Of the browser's tab. */
  readonly title: string;
  /** Read aloud as soon as they change; they stay the same from step to step. */
  readonly headline: string;
  readonly sentence: string;
  readonly remedy: string | undefined;
  /** An error's own words. */
  readonly detail: string | undefined;
  readonly dial: Dial;
  /** What changes while the device works, the important first. */
  readonly readouts: readonly Readout[];
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly mood: 'busy' | 'calm' | 'done' | 'problem';
  /** Whether there is a field for the code that the computer shows. */
  readonly asksForCode: boolean;
  /** What the button does: start or leave, or load the page again. */
  readonly action: { readonly kind: 'start' | 'stop' | 'reload'; readonly label: string };
}

export interface Dial {
  /** How far, in 0 … 1; undefined while there is no known end. */
  readonly fraction: number | undefined;
  readonly big: string;
  readonly small: string;
}

/** A value to be read from across the room, and what it means where that is not plain. */
export interface Readout {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
}

const stop = { kind: 'stop', label: 'Stop' } as const;
const again = { kind: 'start', label: 'Start again' } as const;
const reload = { kind: 'reload', label: 'Reload' } as const;
const actions = { stop, again, reload } as const;
const nothing = { fraction: undefined, big: '', small: '' } as const;
const plain = {
  remedy: undefined,
  detail: undefined,
  readouts: [],
  facts: [],
  mood: 'busy',
  asksForCode: false,
  action: stop,
} as const;

/** Puts a status into plain words. */
export function describe(status: PageStatus): Description {
  const description = words(status);
  return { ...description, title: `${description.title} – Tandem` };
}

function words(status: PageStatus): Description {
  switch (status.state) {
    case 'ready':
      return {
        ...plain,
        title: 'Ready',
        headline: 'Ready',
        sentence: `Found the computer at ${status.host}. Start, and this device computes a part of its network.`,
        remedy: 'Leave this page in front: the screen stays on.',
        dial: nothing,
        mood: 'calm',
        action: { kind: 'start', label: 'Start' },
      };
    case 'starting':
      return {
        ...plain,
        title: 'Starting',
        headline: 'Starting',
        sentence: 'Getting the graphics processor ready.',
        dial: nothing,
      };
    case 'given-up':
      return {
        ...plain,
        title: 'Resting',
        headline: 'Resting',
        sentence: `The computer at ${status.host} has not answered for a quarter of an hour. This page now rests, so that the battery lasts.`,
        remedy: 'Start Tandem on the computer, plug the cable in, and try again.',
        dial: { ...nothing, big: '!' },
        mood: 'problem',
        action: { kind: 'start', label: 'Try again' },
      };
    case 'connecting':
      return {
        ...plain,
        title: 'Connecting',
        headline: 'Connecting',
        sentence: `Looking for the computer at ${status.host}.`,
        dial: nothing,
      };
    case 'waiting':
      return {
        ...plain,
        title: 'Waiting',
        headline: 'Waiting',
        sentence: status.why,
        dial: nothing,
        facts: [['Device', status.device]],
        mood: 'calm',
      };
    case 'loading':
      return loading(status);
    case 'training':
    case 'evaluating':
      return working(status);
    case 'finished':
      return {
        ...plain,
        title: 'Finished',
        headline: 'Finished',
        sentence: status.message,
        remedy: 'You can close this page.',
        dial: { fraction: 1, big: '✓', small: '' },
        mood: 'done',
        action: again,
      };
    case 'stopped':
      return {
        ...plain,
        title: 'Stopped',
        headline: 'Stopped',
        sentence: 'This device has left the run and computes nothing.',
        remedy: 'Start again to go on, or close this page.',
        dial: { ...nothing, big: '■' },
        mood: 'calm',
        action: again,
      };
    case 'elsewhere':
      return {
        ...plain,
        title: 'In another tab',
        headline: 'In another tab',
        sentence: 'This device works in another tab or window of this browser: one is enough.',
        remedy: 'Close this one, or go on here instead.',
        dial: { ...nothing, big: '■' },
        mood: 'calm',
        action: { kind: 'start', label: 'Work here' },
      };
    case 'failed': {
      const { headline, sentence, remedy, action, asksForCode = false } = failures[status.reason];
      return {
        ...plain,
        title: headline,
        headline,
        sentence,
        remedy,
        detail: status.detail || undefined,
        dial: { ...nothing, big: '!' },
        mood: 'problem',
        asksForCode,
        action: actions[action],
      };
    }
  }
}

function loading(status: Extract<PageStatus, { state: 'loading' }>): Description {
  const { device, units, receivedBytes, totalBytes } = status;
  const fraction = fractionOf(receivedBytes, totalBytes);
  const percent = fraction === undefined ? '' : formatPercent(fraction);
  const received: readonly [string, string] = [
    'Received',
    `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`,
  ];
  return {
    ...plain,
    title: percent ? `Loading ${percent}` : 'Preparing',
    headline: percent ? 'Loading weights' : 'Preparing',
    sentence: percent
      ? 'The computer sends this device its share of the network.'
      : 'Making room for this device’s share of the network.',
    dial: { fraction, big: percent, small: '' },
    facts: [...(percent ? [received] : []), ['Share', units], ['Device', device]],
  };
}

function working(status: Extract<PageStatus, { state: 'training' | 'evaluating' }>): Description {
  const { state, device, units, step, totalSteps, imagesPerSecond, memoryBytes, loss } = status;
  const isTraining = state === 'training';
  const readouts: Readout[] = [
    { name: 'Images a second', value: formatRate(imagesPerSecond) },
    { name: 'Temperature', ...describeWarmth(status.slowdown) },
  ];
  if (loss !== undefined) readouts.splice(1, 0, { name: 'Loss', value: loss.toFixed(4) });
  return {
    ...plain,
    title: `${isTraining ? 'Training' : 'Evaluating'} ${step}/${totalSteps}`,
    headline: isTraining ? 'Training' : 'Evaluating',
    sentence: isTraining
      ? 'This device computes its share of every step.'
      : 'Measuring how well the network does on pictures it was not trained on.',
    dial: {
      fraction: fractionOf(step, totalSteps),
      big: String(step),
      small: `of ${totalSteps} steps`,
    },
    readouts,
    facts: [
      ['Share', units],
      ['Memory', formatBytes(memoryBytes)],
      ['Device', device],
    ],
  };
}
