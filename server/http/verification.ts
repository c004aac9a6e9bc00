import { maxReportBytes, parseReport, type VerificationReport } from '../../runtime/verify/report';
import { DeviceReports } from './device-reports';

/** What came from devices that verified themselves. */
export class Verifications extends DeviceReports<VerificationReport> {
  constructor(folder?: string) {
    super({ name: 'verify', maxBytes: maxReportBytes, parse: parseReport }, folder);
  }
}
