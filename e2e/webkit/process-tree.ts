import { readdirSync, readFileSync } from 'node:fs';

/** Stops or continues a process with all that it started, as iOS does with a page in the pocket. */
export function signalTree(root: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of descendants(root)) process.kill(pid, signal);
}

/** The process and all that come from it, parents first. Linux alone has /proc. */
function descendants(root: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const);
  const tree = [root];
  for (const pid of tree) {
    tree.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child));
  }
  return tree;
}

function parentOf(pid: string): number | undefined {
  try {
    // The name, in brackets, may contain anything; behind it come the state and the parent.
    const [, parent] =
      readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return Number(parent);
  } catch {
    return undefined;
  }
}
