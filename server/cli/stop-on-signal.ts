import type { Trainer } from '../coordinator/trainer';

/**
 * First signal: the run ends after its step, with a checkpoint. Second: the process ends now.
 * @param interrupt ends the waiting for workers, where the run has not begun
 * @returns a function that gives the signals back
 */
export function stopOnSignal(
  trainer: Trainer,
  interrupt: (error: Error) => void,
  notice: (text: string) => void,
): () => void {
  let asked = false;
  const onSignal = (): void => {
    if (asked) process.exit(130);
    asked = true;
    notice('Stopping after this step; once more to stop at once.');
    trainer.stop();
    interrupt(new Error('stopped before the workers that it waits for had come'));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  };
}
