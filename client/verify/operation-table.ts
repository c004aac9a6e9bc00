import { errorBound } from '../../runtime/verify/comparison';
import { passes, type CaseResult } from '../../runtime/verify/run';

interface OperationRows {
  readonly details: HTMLDetailsElement;
  readonly summary: Row;
  readonly count: HTMLElement;
  cases: number;
  failed: number;
  maxAbs: number;
  meanAbs: number;
}

interface Row {
  readonly element: HTMLElement;
  readonly name: HTMLElement;
  set(maxAbs: number, meanAbs: number, passed: boolean): void;
}

/** A line for each operation with its largest errors; opened, a line for each case's results. */
export class OperationTable {
  /** Cases that failed so far. */
  failed = 0;
  readonly #place: HTMLElement;
  readonly #operations = new Map<string, OperationRows>();

  constructor(place: HTMLElement) {
    this.#place = place;
  }

  add(result: CaseResult): void {
    const rows = this.#operations.get(result.op) ?? this.#begin(result.op);
    const passed = passes(result);
    const maxAbs = Math.max(...result.comparisons.map((row) => row.maxAbs), 0);
    const meanAbs = Math.max(...result.comparisons.map((row) => row.meanAbs), 0);
    rows.cases++;
    rows.maxAbs = Math.max(rows.maxAbs, result.error === undefined ? maxAbs : Infinity);
    rows.meanAbs = Math.max(rows.meanAbs, result.error === undefined ? meanAbs : Infinity);
    if (!passed) {
      rows.failed++;
      this.failed++;
      rows.details.open = true;
    }
    const cases = rows.cases === 1 ? '1 case' : `${rows.cases} cases`;
    rows.count.textContent = rows.failed === 0 ? cases : `${rows.failed} of ${cases} wrong`;
    rows.details.dataset['passed'] = String(rows.failed === 0);
    rows.summary.set(rows.maxAbs, rows.meanAbs, rows.failed === 0);
    const shown = caseElement(result, passed);
    // What is wrong comes first.
    if (passed) rows.details.append(shown);
    else rows.details.querySelector('summary')?.after(shown);
  }

  #begin(op: string): OperationRows {
    const details = document.createElement('details');
    const summary = newRow('summary', op);
    const count = document.createElement('span');
    count.className = 'count';
    summary.name.append(count);
    details.append(summary.element);
    this.#place.append(details);
    const rows = { details, summary, count, cases: 0, failed: 0, maxAbs: 0, meanAbs: 0 };
    this.#operations.set(op, rows);
    return rows;
  }
}

function caseElement({ shape, against, comparisons, error }: CaseResult, passed: boolean) {
  const element = document.createElement('div');
  element.className = 'case';
  element.dataset['passed'] = String(passed);
  const title = document.createElement('p');
  title.className = 'shape';
  title.textContent = shape;
  if (against === 'PyTorch') title.append(tag('PyTorch'));
  element.append(title);
  for (const { result, maxAbs, meanAbs } of comparisons) {
    const row = newRow('div', result);
    row.set(maxAbs, meanAbs, maxAbs < errorBound);
    element.append(row.element);
  }
  if (error !== undefined) {
    const words = document.createElement('p');
    words.className = 'words-of-error';
    words.textContent = error;
    element.append(words);
  }
  return element;
}

function tag(text: string): HTMLElement {
  const element = document.createElement('span');
  element.className = 'against';
  element.textContent = ` · ${text}`;
  return element;
}

function newRow(kind: 'div' | 'summary', label: string): Row {
  const element = document.createElement(kind);
  element.classList.add('row');
  const [name, max, mean, mark] = [0, 1, 2, 3].map(() => document.createElement('span'));
  if (!name || !max || !mean || !mark) throw new Error('a row has four cells');
  name.textContent = label;
  mark.className = 'mark';
  element.append(name, max, mean, mark);
  return {
    element,
    name,
    set(maxAbs, meanAbs, passed) {
      max.textContent = formatError(maxAbs);
      mean.textContent = formatError(meanAbs);
      mark.textContent = passed ? '✓' : '✗';
      element.dataset['passed'] = String(passed);
    },
  };
}

/** `4.2e-6`, `0`, `–` for what is no number. */
function formatError(error: number): string {
  if (error === 0) return '0';
  return Number.isFinite(error) ? error.toExponential(1) : '–';
}
