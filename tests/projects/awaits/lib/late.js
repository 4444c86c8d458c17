import { order } from './first.js';

order.push('late');
export const late = await import('./second.js').then((module) => module.second);
