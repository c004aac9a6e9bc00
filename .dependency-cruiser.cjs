/** Imports point one way: client -> runtime -> shaders, server -> runtime. */
const forbid = (name, from, to) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: to },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    forbid('runtime-knows-no-page', '^runtime/', '^(client|e2e)/'),
    {
      ...forbid('runtime-knows-no-host', '^runtime/', '^server/'),
      // The kernels' tests run on Dawn, which the host brings.
      from: { path: '^runtime/', pathNot: '\\.test\\.ts$' },
    },
    forbid('server-knows-no-page', '^server/', '^(client|e2e|shaders)/'),
    forbid('client-knows-no-host', '^client/', '^(server|e2e|shaders)/'),
    {
      ...forbid('runtime-knows-no-node', '^runtime/'),
      from: { path: '^runtime/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    forbid('shaders-import-nothing', '^shaders/', '^(runtime|server|client|e2e)/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
  },
};
