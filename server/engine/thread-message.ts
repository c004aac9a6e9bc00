import type { StageEngine } from '../../runtime/engine';

/** The calls that cross to the engine's thread. */
export type EngineCall = {
  [Name in keyof StageEngine]-?: StageEngine[Name] extends (
    ...args: infer Args
  ) => Promise<infer Result>
    ? { readonly name: Name; readonly args: Args; readonly result: Result }
    : never;
}[keyof StageEngine];

export type CallName = EngineCall['name'];
export type ArgsOf<Name extends CallName> = Extract<EngineCall, { name: Name }>['args'];
export type ResultOf<Name extends CallName> = Extract<EngineCall, { name: Name }>['result'];

/** What the thread is started with. */
export interface EngineThreadData {
  readonly numThreads: number;
  /** One number, set to 1 when the thread shall end: seen between calls, ahead of those that wait. */
  readonly ending: Int32Array<SharedArrayBuffer>;
}

/** Main thread to engine thread. */
export type ThreadMessage = CallMessage | 'end';

/** Answered in the order of sending. */
export interface CallMessage {
  readonly id: number;
  readonly name: CallName;
  readonly args: readonly unknown[];
}

/** Engine thread to main thread. */
export type ReplyMessage = { readonly id: number; readonly memoryBytes: number } & (
  | { readonly result: unknown }
  | { readonly error: { readonly name: string; readonly message: string } }
);
