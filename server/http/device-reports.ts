import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import express, { type ErrorRequestHandler, type Router } from 'express';
import { ReportError, type DeviceFailure } from '../../runtime/device-report';
import { writeAtomically } from '../files/atomic-file';

/** So many files does one process write, and so many failures tell of: nobody can fill the disk. */
const maxReports = 200;

/** One kind of reports. */
export interface ReportKind<Report> {
  /** Their files are `NAME-TIME.json`, posted to `/NAME`. */
  readonly name: string;
  readonly maxBytes: number;
  /** @throws ReportError for what is none */
  readonly parse: (json: unknown) => Report | DeviceFailure;
  /** What reports of one file have in common; each has its own file where absent. */
  readonly runOf?: (report: Report) => string;
}

/** What devices' pages found and posted: each report is kept as a file. */
export class DeviceReports<Report extends { readonly type: 'report' }> {
  onReport: (report: Report, path: string) => void = () => undefined;
  onFailure: (failure: DeviceFailure) => void = () => undefined;
  readonly #kind: ReportKind<Report>;
  readonly #folder: string;
  readonly #pathOfRun = new Map<string, string>();
  #count = 0;
  #failures = 0;

  /** @param folder where reports go; made with the first one */
  constructor(kind: ReportKind<Report>, folder = 'runs') {
    this.#kind = kind;
    this.#folder = folder;
  }

  /** Writes a report, over the earlier ones of its run; the file's path. */
  async keep(report: Report): Promise<string> {
    const path = this.#pathOf(report);
    await mkdir(this.#folder, { recursive: true });
    const text = `${JSON.stringify(report, null, 1)}\n`;
    await writeAtomically(path, [new TextEncoder().encode(text)]);
    this.onReport(report, path);
    return path;
  }

  /** `POST /NAME` takes a device's report or its failure. */
  routes(): Router {
    const { name, maxBytes, parse } = this.#kind;
    const router = express.Router();
    router.post(`/${name}`, express.json({ limit: maxBytes }), async (request, response) => {
      const message = parse(request.body);
      if (this.#wouldBeTooMany(message)) {
        const error = `${maxReports} reports are kept already; restart Tandem`;
        response.status(429).json({ error });
      } else if (message.type === 'failure') {
        this.#failures++;
        this.onFailure(message);
        response.json({});
      } else {
        response.json({ kept: await this.keep(message) });
      }
    });
    router.use(answerError);
    return router;
  }

  #wouldBeTooMany(report: Report | DeviceFailure): boolean {
    if (report.type === 'failure') return this.#failures >= maxReports;
    const run = this.#kind.runOf?.(report);
    return this.#count >= maxReports && (run === undefined || !this.#pathOfRun.has(run));
  }

  #pathOf(report: Report): string {
    const run = this.#kind.runOf?.(report);
    const known = run === undefined ? undefined : this.#pathOfRun.get(run);
    if (known !== undefined) return known;
    const suffix = this.#count++ === 0 ? '' : `-${this.#count}`;
    const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
    const path = join(this.#folder, `${this.#kind.name}-${time}${suffix}.json`);
    if (run !== undefined) this.#pathOfRun.set(run, path);
    return path;
  }
}

/** Body parser's errors carry a status: 413 too large, 400 no JSON. */
const answerError: ErrorRequestHandler = (
  error: Error & { status?: number },
  _request,
  response,
  _next,
) => {
  const status = error instanceof ReportError ? 400 : (error.status ?? 500);
  response.status(status).json({ error: error.message });
};
