import { countOnce } from './submits';
import type { Hiding } from './report';
import type { BenchSettings } from './settings';

/** Between two submits while the page is hidden. */
const pauseMs = 50;

/** A submit that has not come back this long after the page is in front again never will. */
const patienceMs = 5_000;

/**
 * Computes on while the page is hidden, as a worker in a run does, and looks afterwards whether the
 * device is still there.
 *
 * @param shown resolves, with the milliseconds that the page was hidden, when it is in front again
 * @param newDevice asked when the device was lost
 */
export async function computeWhileHidden(
  device: GPUDevice,
  { loopThreads }: BenchSettings,
  shown: Promise<number>,
  newDevice: () => Promise<GPUDevice>,
): Promise<Hiding> {
  let submits = 0;
  let lost: string | undefined;
  let isOver = false;
  void device.lost.then(({ reason, message }) => {
    lost = `${reason}: ${message}`.slice(0, 500);
  });
  const works = async (on: GPUDevice): Promise<boolean> =>
    (await countOnce(on, loopThreads, 16)).right;
  const computeOn = async (): Promise<void> => {
    while (!isOver && lost === undefined) {
      await works(device);
      submits++;
      await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const computing = computeOn().catch(() => undefined);
  const hiddenMs = await shown;
  isOver = true;
  await atMost(patienceMs, computing);
  const submitsWhileHidden = submits;
  // The loss may be told a moment after the page is back.
  const right = await atMost(patienceMs, works(device)).catch(() => false);
  if (right === true) return { hiddenMs, submits: submitsWhileHidden, worksAgain: true };
  const worksAgain = await atMost(patienceMs, newDevice().then(works)).catch(() => false);
  return {
    hiddenMs,
    submits: submitsWhileHidden,
    lost: lost ?? 'no word of it, but it computes no more',
    worksAgain: worksAgain === true,
  };
}

/** The promise's value, or undefined when it takes longer. */
async function atMost<Value>(ms: number, promise: Promise<Value>): Promise<Value | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
