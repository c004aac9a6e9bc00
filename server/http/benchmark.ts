import { maxReportBytes, parseBenchmark, type BenchmarkReport } from '../../runtime/bench/report';
import { DeviceReports } from './device-reports';

/** What came from devices that measured themselves; a run's newest report replaces the one before. */
export class Benchmarks extends DeviceReports<BenchmarkReport> {
  constructor(folder?: string) {
    super(
      { name: 'bench', maxBytes: maxReportBytes, parse: parseBenchmark, runOf: ({ run }) => run },
      folder,
    );
  }
}
