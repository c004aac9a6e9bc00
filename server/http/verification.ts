import { join } from 'node:path';
import express, { type Router } from 'express';
import { maxReportBytes, parseReport, type VerificationReport } from '../../runtime/verify/report';
import { DeviceReports } from './device-reports';

/** PyTorch's numbers, which the verify page compares with; beside the host, built or not. */
export const goldenFolder = join(import.meta.dirname, '../../e2e/golden');
const goldenFiles = new Set(['operations.json', 'operations.safetensors']);

/** What came from devices that verified themselves. */
export class Verifications extends DeviceReports<VerificationReport> {
  constructor(folder?: string) {
    super({ name: 'verify', maxBytes: maxReportBytes, parse: parseReport }, folder);
  }
}

/** `GET /golden/FILE` gives PyTorch's numbers. */
export function goldenRoutes(): Router {
  const router = express.Router();
  router.get('/golden/:file', (request, response, next) => {
    const { file } = request.params;
    if (goldenFiles.has(file)) response.sendFile(join(goldenFolder, file));
    else next();
  });
  return router;
}
