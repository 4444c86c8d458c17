// node:worker_threads, of which a guest has the main thread alone.
import { notThere } from './arguments.js';
import { BroadcastChannel, MessageChannel, MessagePort, receiveMessageOnPort } from './message-channel.js';

const environment = new Map();
export class Worker {
  constructor() { throw notThere('worker_threads.Worker'); }
}
export default {
  BroadcastChannel, MessageChannel, MessagePort, Worker, receiveMessageOnPort,
  isMainThread: true, parentPort: null, workerData: null, threadId: 0, resourceLimits: {}, SHARE_ENV: Symbol.for('nodejs.worker_threads.SHARE_ENV'),
  markAsUntransferable() {}, isMarkedAsUntransferable: () => false, moveMessagePortToContext: (port) => port,
  getEnvironmentData: (key) => environment.get(key),
  setEnvironmentData(key, value) {
    if (value === undefined) environment.delete(key);
    else environment.set(key, value);
  },
};
