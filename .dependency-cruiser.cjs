/** Imports point one way: client -> runtime -> shaders, server -> runtime; and never in a circle. */
const forbid = (name, from, to) => ({ name, severity: 'error', from, to });
const tests = '[.]test[.]ts$';

module.exports = {
  forbidden: [
    forbid('no-cycles', {}, { circular: true }),
    forbid('nothing-unresolved', {}, { couldNotResolve: true }),
    // Tests beside the source run the kernels on Dawn and read files, which only Node has.
    forbid(
      'runtime-knows-no-host-and-no-page',
      { path: '^runtime/', pathNot: tests },
      { path: '^(server|client|e2e)/' },
    ),
    forbid(
      'runtime-knows-no-node',
      { path: '^runtime/', pathNot: tests },
      { dependencyTypes: ['core'] },
    ),
    forbid('server-knows-no-page', { path: '^server/' }, { path: '^(client|e2e|shaders)/' }),
    forbid('client-knows-no-host', { path: '^client/' }, { path: '^(server|e2e|shaders)/' }),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      // Packages that have only an import condition.
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
