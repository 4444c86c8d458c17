export { default } from '../../async_hooks.js';
