import { join } from 'node:path';
import express, { type Express, type Router } from 'express';

/** The pages as Vite built them; the host runs beside them, or in tests from its source. */
export const builtPages = join(
  import.meta.dirname,
  import.meta.url.endsWith('.ts') ? '../../dist/client' : '../client',
);

/**
 * All pages and what they fetch, for browsers that may compute.
 * @param api what is served under `/api`
 */
export function pageRoutes(pages: string, api: readonly Router[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.static(pages, { index: false, redirect: false }));
  app.get('/', (_request, response) => {
    response.sendFile(join(pages, 'worker/index.html'));
  });
  for (const page of ['verify', 'bench']) {
    app.get(`/${page}`, (_request, response) => {
      response.sendFile(join(pages, page, 'index.html'));
    });
  }
  app.use('/api', ...api);
  app.use((_request, response) => {
    response
      .status(404)
      .type('text')
      .send(
        'There is no such page. The worker page is at /, the check of the kernels at /verify, the benchmark at /bench\n',
      );
  });
  return app;
}
