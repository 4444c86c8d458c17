export { default } from '../../worker-threads.js';
