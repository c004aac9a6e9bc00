import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import express, { type ErrorRequestHandler, type Router } from 'express';
import {
  maxReportBytes,
  parseReport,
  ReportError,
  type VerificationFailure,
  type VerificationReport,
} from '../../runtime/verify/report';
import { writeAtomically } from '../checkpoint/atomic-file';

/** PyTorch's numbers, which the verify page compares with; beside the host, built or not. */
export const goldenFolder = join(import.meta.dirname, '../../e2e/golden');
const goldenFiles = new Set(['operations.json', 'operations.safetensors']);

/** So many reports does one process take: whoever reaches it can't fill the disk. */
const maxReports = 200;

/** What came from devices that verified themselves: each report is kept as a file. */
export class Verifications {
  onReport: (report: VerificationReport, path: string) => void = () => undefined;
  onFailure: (failure: VerificationFailure) => void = () => undefined;
  readonly #folder: string;
  #count = 0;

  /** @param folder where reports go; made with the first one */
  constructor(folder = 'runs') {
    this.#folder = folder;
  }

  /** Whether another report would be one too many. */
  get isFull(): boolean {
    return this.#count >= maxReports;
  }

  /** Writes a report to `verify-TIME.json` in the folder; the file's path. */
  async keep(report: VerificationReport): Promise<string> {
    const suffix = this.#count++ === 0 ? '' : `-${this.#count}`;
    const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
    const path = join(this.#folder, `verify-${time}${suffix}.json`);
    await mkdir(this.#folder, { recursive: true });
    const text = `${JSON.stringify(report, null, 1)}\n`;
    await writeAtomically(path, [new TextEncoder().encode(text)]);
    this.onReport(report, path);
    return path;
  }
}

/** `POST /verify` takes a device's report or its failure; `GET /golden/FILE` gives PyTorch's numbers. */
export function verificationRoutes(verifications: Verifications): Router {
  const router = express.Router();
  router.get('/golden/:file', (request, response, next) => {
    const { file } = request.params;
    if (goldenFiles.has(file)) response.sendFile(join(goldenFolder, file));
    else next();
  });
  router.post('/verify', express.json({ limit: maxReportBytes }), async (request, response) => {
    const message = parseReport(request.body);
    if (message.type === 'failure') {
      verifications.onFailure(message);
      response.json({});
    } else if (verifications.isFull) {
      response
        .status(429)
        .json({ error: `${maxReports} reports are kept already; restart Tandem` });
    } else {
      response.json({ kept: await verifications.keep(message) });
    }
  });
  router.use(answerError);
  return router;
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
