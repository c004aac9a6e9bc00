import { join } from 'node:path';
import express, { type Express } from 'express';
import type { Links } from '../link/links';
import { verificationRoutes, type Verifications } from './verification';

/** The pages as Vite built them; the host runs beside them, or in tests from its source. */
export const builtPages = join(
  import.meta.dirname,
  import.meta.url.endsWith('.ts') ? '../../dist/client' : '../client',
);

/** All pages and what they fetch, for browsers that may compute. */
export function pageRoutes(pages: string, links: Links, verifications: Verifications): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.static(pages, { index: false, redirect: false }));
  app.get('/', (_request, response) => {
    response.sendFile(join(pages, 'worker/index.html'));
  });
  app.get('/verify', (_request, response) => {
    response.sendFile(join(pages, 'verify/index.html'));
  });
  app.use('/api', links.routes());
  app.use('/api', verificationRoutes(verifications));
  app.use((_request, response) => {
    response
      .status(404)
      .type('text')
      .send(
        'There is no such page. The worker page is at /, the check of the kernels at /verify\n',
      );
  });
  return app;
}
