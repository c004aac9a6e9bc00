/** What the page tells its Web Worker first. */
export interface WorkerOrders {
  /** All that the stage may take on the device; undefined where nobody knows. */
  readonly memoryBytes: number | undefined;
}
