// `process` as far as Node.js's own modules look at it while they load; process.js makes the rest of it.
globalThis.process = {
  platform: 'linux', arch: 'wasm32', execArgv: [], env: {}, features: {}, config: { target_defaults: { default_configuration: 'Release' }, variables: { v8_enable_i18n_support: 1, napi_build_version: '9', node_shared: false, asan: 0 } }, stderr: {}, stdout: {}, argv: [],
  versions: { node: '20.20.2', wasmrun: '0', quickjs: 'ng', v8: '11.3.244.8', uv: '1.46.0', modules: '115', openssl: '3.0.17', zlib: '1.3.1', icu: '76.1', unicode: '16.0', tz: '2025b' },
  emitWarning() {},
  nextTick() {},
  on() {},
};
