import express, { type Express } from 'express';
import type { Certificates } from '../certificate/certificates';
import { profileOf, profileType } from '../certificate/profile';

/**
 * What another device gets over plain http: the way to https, and the certificate for it. Never a
 * page that computes, nor a tensor.
 */
export function doorRoutes(certificates: Certificates, securePort: () => number): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/tandem.mobileconfig', async (_request, response) => {
    const authority = await certificates.authority();
    // As bytes: Express would add a charset to a text's type.
    if (authority) response.type(profileType).send(Buffer.from(profileOf(authority)));
    else response.status(404).type('text').send('The certificate was removed; restart Tandem\n');
  });
  app.use((request, response) => {
    const secure = new URL(request.path, `http://${request.headers.host ?? ''}`);
    response.redirect(307, `https://${secure.hostname}:${securePort()}${secure.pathname}`);
  });
  return app;
}
