// The package's main entry is CommonJS in a package of modules, which Node refuses; this one loads.
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
