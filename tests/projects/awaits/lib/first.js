import { second } from './second.js';

export const order = ['first'];
export const value = await new Promise((done) => setTimeout(done, 10, 'waited'));
order.push(`behind ${second}`);
export default await second;
