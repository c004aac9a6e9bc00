// The measured path is a worker page's: all of it in a Web Worker.
const worker = new Worker(new URL('./page-worker.ts', import.meta.url), { type: 'module' });
worker.postMessage(location.search);
worker.addEventListener('error', ({ message }) => {
  void fetch('/error', { method: 'POST', body: message });
});
