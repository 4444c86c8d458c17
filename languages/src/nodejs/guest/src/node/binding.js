// `internalBinding` of Node.js's own modules: what node has in C++.
import { blockList } from './bindings/block-list.js';
import { buffer } from './bindings/buffer.js';
import { config, constants, symbols, traceEvents } from './bindings/constants.js';
import { errors } from './bindings/errors.js';
import { fs, fsDir } from './bindings/fs.js';
import { FSEvent, StatWatcher } from './bindings/fs-watch.js';
import { messaging } from './bindings/messaging.js';
import { contextify } from './bindings/contextify.js';
import { credentials, os } from './bindings/os.js';
import { performance } from './bindings/performance.js';
import { stringDecoder } from './bindings/string-decoder.js';
import { timers } from './bindings/timers.js';
import { types } from './bindings/types.js';
import { util } from './bindings/util.js';
import { uv } from './bindings/uv.js';

// Handles of libuv's streams, which no stream here has.
const streamWrap = { kReadBytesOrError: 0, kArrayBufferOffset: 1, kBytesWritten: 2, kLastWriteWasAsync: 3, streamBaseState: new Int32Array(5) };

const bindings = {
  __proto__: null,
  // It asks for modules of Node.js's itself.
  get url() { return require('./bindings/url.js').url; },
  get encoding_binding() { return require('./bindings/url.js').encodingBinding; },
  block_list: blockList, buffer, config, constants, contextify, credentials, errors, fs: { ...fs, StatWatcher }, fs_dir: fsDir, fs_event_wrap: { FSEvent }, messaging, os, performance, symbols, timers, types, util, uv, string_decoder: stringDecoder, stream_wrap: streamWrap, trace_events: traceEvents,
};
export function internalBinding(name) {
  const found = bindings[name];
  if (found === undefined) throw new Error(`No such binding: ${name}`);
  return found;
}
