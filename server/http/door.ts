import { join } from 'node:path';
import express, { type Express } from 'express';
import { authorityName, type Certificates } from '../certificate/certificates';
import { profileOf, profileType } from '../certificate/profile';
import { secureHeaders } from './headers';

/** Pages that other devices may ask for; the way to each leads over the connect page. */
const doors = ['/', '/verify', '/bench'];

/**
 * What another device gets over plain http: the page that leads it to https, and the certificate
 * for it. Never a page that computes, nor a tensor.
 */
export function doorRoutes(
  pages: string,
  certificates: Certificates,
  securePort: () => number,
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get(doors, (request, response) => {
    const { hostname } = new URL(`http://${request.headers.host ?? ''}`);
    secureHeaders(request, response, 'http:', [`https://${hostname}:${securePort()}`]);
    response.sendFile(join(pages, 'connect/index.html'));
  });
  app.use('/assets', express.static(join(pages, 'assets'), { index: false, redirect: false }));
  app.get('/door.json', async (_request, response) => {
    const authority = await certificates.authority();
    response.set('Cache-Control', 'no-store').json({
      securePort: securePort(),
      authority: authority ? authorityName(authority) : '',
      fingerprint: authority?.fingerprint256 ?? '',
    });
  });
  app.get('/tandem.mobileconfig', async (_request, response, next) => {
    const authority = await certificates.authority();
    // As bytes: Express would add a charset to a text's type.
    if (authority) response.type(profileType).send(Buffer.from(profileOf(authority)));
    else next();
  });
  app.get('/tandem.crt', async (_request, response, next) => {
    const authority = await certificates.authority();
    if (authority) response.type('application/x-x509-ca-cert').send(authority.raw);
    else next();
  });
  app.use((_request, response) => {
    response.status(404).type('text').send('Over plain http there is only the page at /\n');
  });
  return app;
}
