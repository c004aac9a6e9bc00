/** A loop of a kernel. */
export interface Loop {
  /** What stands in its parentheses. */
  readonly header: string;
  readonly body: string;
  /** How many loops it stands in. */
  readonly depth: number;
}

export interface WgslFunction {
  readonly name: string;
  readonly body: string;
}

export function withoutComments(source: string): string {
  return source.replace(/\/\/.*/g, '');
}

/** The functions of a kernel without comments. */
export function functionsOf(code: string): WgslFunction[] {
  return [...code.matchAll(/\bfn\s+(\w+)[^{]*\{/g)].map((found) => ({
    name: found[1] ?? '',
    body: bracketed(code, found.index + found[0].length - 1),
  }));
}

/** The loops in a piece of code, outer ones before inner ones. */
export function loopsOf(code: string, depth = 0): Loop[] {
  const loops: Loop[] = [];
  const start = /\b(?:for|while)\s*\(/g;
  for (let found = start.exec(code); found; found = start.exec(code)) {
    const open = start.lastIndex - 1;
    const header = bracketed(code, open);
    const bodyStart = code.indexOf('{', open + header.length);
    const body = bracketed(code, bodyStart);
    loops.push({ header, body, depth }, ...loopsOf(body, depth + 1));
    start.lastIndex = bodyStart + body.length;
  }
  return loops;
}

/** What stands between the bracket at `open` and the one that closes it. */
function bracketed(code: string, open: number): string {
  const opening = code.charAt(open);
  const closing = opening === '(' ? ')' : '}';
  let depth = 0;
  for (let index = open; index < code.length; index++) {
    if (code.charAt(index) === opening) depth++;
    if (code.charAt(index) === closing && --depth === 0) return code.slice(open + 1, index);
  }
  throw new Error(`'${opening}' at ${open} is never closed`);
}

/** What a loop runs each time around: condition, update, body, and the functions that these call. */
export function runsInLoop({ header, body }: Loop, functions: readonly WgslFunction[]): string {
  const [first = '', ...others] = header.split(';');
  let code = [...(others.length > 0 ? others : [first]), body].join(';');
  const reached = new Set<WgslFunction>();
  for (let grown = true; grown;) {
    const called = functions.filter(
      (each) => !reached.has(each) && new RegExp(`\\b${each.name}\\s*\\(`).test(code),
    );
    for (const each of called) {
      reached.add(each);
      code += `\n${each.body}`;
    }
    grown = called.length > 0;
  }
  return code;
}

const floatType = /\bf32\b|\bValue4\b|\bvec\df\b|\bmat\dx\df\b/;
const floatMaker = /\d\.\d|\b(f32|vec\df|exp|log2|sqrt|inverseSqrt|dot)\b/;

/** The names of fields, bindings, parameters and variables that hold floating-point numbers. */
export function floatNames(code: string): Set<string> {
  const names = new Set<string>();
  for (const [, name = '', type = ''] of code.matchAll(/\b(\w+)\s*:\s*([\w<>, ]+)/g)) {
    if (floatType.test(type)) names.add(name);
  }
  // In the order of the text: what is made of a floating-point number is one.
  for (const [, name = '', value = ''] of code.matchAll(/\b(?:let|var)\s+(\w+)\s*=([^;]*);/g)) {
    if (isFloat(value, names)) names.add(name);
  }
  return names;
}

/** Whether an expression has floating-point numbers in it. */
export function isFloat(expression: string, names: ReadonlySet<string>): boolean {
  const words = expression.replace(/\.[xyzw]+\b/g, '').match(/[A-Za-z_]\w*/g) ?? [];
  return floatMaker.test(expression) || words.some((word) => names.has(word));
}

/** The rules that a kernel breaks with a reason: `// Exception, RULE: why` in its comments. */
export function exceptionsOf(source: string): Map<string, string> {
  const comments = source.matchAll(/^\s*\/\/ Exception, ([^:\n]+): (.*(?:\n\s*\/\/ .*)*)/gm);
  return new Map([...comments].map(([, rule = '', reason = '']) => [rule, reason]));
}
