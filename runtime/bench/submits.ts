import { RepeatableDispatches } from '../webgpu/repeatable-dispatches';
import { countedPerRun, planLoop } from './loops';
import type { SubmitStep, Submits } from './report';
import type { BenchSettings } from './settings';

/** As many as a stage has; a submit grows by making each longer. */
const dispatchCount = 32;

/** A submit that takes this much longer than it should will not come back. */
const hungAfterMs = 10_000;

/**
 * How long a submit may take: each is twice as long as the one before, until the device is lost,
 * hangs, or gives wrong numbers, or the bound is reached.
 *
 * @param begin told of each submit before it is made, and waited for: what it has written down is
 *   all that is left when the device takes the whole page with it
 */
export async function growSubmits(
  device: GPUDevice,
  { loopThreads: threads, longestSubmitMs }: BenchSettings,
  begin: (what: string) => Promise<void> | void,
): Promise<Submits> {
  const steps: SubmitStep[] = [];
  const lost = device.lost.then(({ reason, message }): Outcome => ({
    ended: 'lost',
    detail: `${reason}: ${message}`.slice(0, 500),
  }));
  let iterationsPerMs = await measureRate(device, threads);
  for (let aimMs = 1; aimMs <= longestSubmitMs; aimMs *= 2) {
    await begin(`a submit of ${aimMs} ms`);
    const iterations = wholeSteps((aimMs * iterationsPerMs) / dispatchCount);
    const outcome = await firstOf(lost, aimMs + hungAfterMs, () =>
      countOnce(device, threads, iterations),
    );
    if ('ended' in outcome) return { steps, atMs: aimMs, ...outcome };
    if (!outcome.right) return { steps, atMs: aimMs, ended: 'wrong' };
    steps.push({ aimMs, ms: outcome.ms });
    iterationsPerMs = rateOf(iterations, outcome.ms);
  }
  return { steps, atMs: longestSubmitMs, ended: 'bound' };
}

type Outcome = Pick<Submits, 'ended' | 'detail'>;

/** What comes first: the work's result, the loss of the device, or the end of patience. */
async function firstOf<Result>(
  lost: Promise<Outcome>,
  patienceMs: number,
  work: () => Promise<Result>,
): Promise<Result | Outcome> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = (ms: number): Promise<Outcome> =>
    new Promise((resolve) => {
      timer = setTimeout(() => resolve({ ended: 'hung' }), ms);
    });
  try {
    return await Promise.race([lost, late(patienceMs), work()]);
  } catch (error) {
    clearTimeout(timer);
    // A lost device fails the calls first, and says so a moment later.
    const outcome = await Promise.race([lost, late(1000)]);
    if (outcome.ended === 'lost') return outcome;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Iterations of one dispatch a millisecond, roughly; the submits themselves correct it. */
async function measureRate(device: GPUDevice, threads: number): Promise<number> {
  const iterations = 16;
  // The first run pays for compiling.
  await countOnce(device, threads, iterations);
  const { ms } = await countOnce(device, threads, iterations);
  return rateOf(iterations, ms);
}

/** Safari's clock has whole milliseconds, and so maybe none. */
function rateOf(iterations: number, ms: number): number {
  return (iterations * dispatchCount) / Math.max(ms, 1);
}

/** One submit that counts; right when it counted all. */
export async function countOnce(
  device: GPUDevice,
  threads: number,
  iterations: number,
): Promise<{ ms: number; right: boolean }> {
  const { dispatch, counts } = planLoop('unrolled', threads, iterations);
  const repeatable = await RepeatableDispatches.create(device, [dispatch]);
  try {
    const start = performance.now();
    repeatable.submit(dispatchCount);
    const [count] = await repeatable.read(counts, 4);
    const ms = performance.now() - start;
    return { ms, right: Math.abs((count ?? NaN) / (dispatchCount * countedPerRun) - 1) < 1e-4 };
  } finally {
    repeatable.destroy();
  }
}

/** A multiple of 16, and not so many that a count is no whole number any more. */
function wholeSteps(iterations: number): number {
  return Math.min(2 ** 20, Math.max(16, Math.round(iterations / 16) * 16));
}
