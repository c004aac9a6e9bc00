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

/** Numbers that both threads see at once, messages and native calls or not: 0 or 1, by {@link flag}. */
export type SharedFlags = Int32Array<SharedArrayBuffer>;

export const flag = {
  /** Set by the main thread: the thread shall end, and begin none of the calls that wait. */
  ending: 0,
  /** Set by the engine's thread: it is in a call. Waiters are notified when it is not any more. */
  busy: 1,
} as const;

/** What the thread is started with. */
export interface EngineThreadData {
  readonly numThreads: number;
  readonly shared: SharedFlags;
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
